#pragma once

#include "kernels/cpu/pointwise.h"

namespace orchid::cpu {

/// Rows summed by one thread before their sum joins the others: small enough to share work, large
/// enough that the partial sums are few.
inline constexpr std::int64_t kRowChunk = 64;

/// totals[c] = the sum over all rows of what add_row(row, sums) adds to sums[c], c < width.
/// Rows are summed in chunks, then chunks in order: the result does not depend on the threads.
/// `add_row` is called once a row, in ascending order within a chunk.
template <class T, class AddRow>
Tensor row_sums(const Context& ctx, std::int64_t rows, std::int64_t width, const AddRow& add_row) {
  const std::int64_t chunks = std::max<std::int64_t>(1, (rows + kRowChunk - 1) / kRowChunk);
  Tensor partial = ctx.empty({chunks, width}, dtype_of<T>());
  T* const sums = partial.data<T>();
  const std::int64_t grain = kElementGrain / (kRowChunk * std::max<std::int64_t>(width, 1)) + 1;
  parallel_for(ctx, chunks, grain, [&](std::int64_t begin, std::int64_t end) {
    const AddRow local = add_row;  // as in for_each_element
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      T* const mine = sums + chunk * width;
      std::fill_n(mine, width, T(0));
      const std::int64_t last = std::min(rows, (chunk + 1) * kRowChunk);
      for (std::int64_t row = chunk * kRowChunk; row < last; ++row) local(row, mine);
    }
  });
  parallel_for(ctx, width, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = 1; chunk < chunks; ++chunk) {
      const T* const other = sums + chunk * width;
#pragma omp simd
      for (std::int64_t c = begin; c < end; ++c) sums[c] += other[c];
    }
  });
  return partial.slice(0, {width});
}

/// to[c] += totals[c].
template <class T>
void add_to(T* to, const T* totals, std::int64_t width) {
#pragma omp simd
  for (std::int64_t c = 0; c < width; ++c) to[c] += totals[c];
}

/// sums[c] += the sum over rows of x[:, c].
template <class T>
void add_row_sums(const Context& ctx, const Tensor& x, Tensor& sums) {
  const std::int64_t width = x.shape().last();
  const T* const in = x.data<T>();
  const Tensor totals = row_sums<T>(ctx, x.shape().rows(), width, [=](std::int64_t row, T* to) {
    add_to(to, in + row * width, width);
  });
  add_to(sums.data<T>(), totals.data<T>(), width);
}

}  // namespace orchid::cpu
