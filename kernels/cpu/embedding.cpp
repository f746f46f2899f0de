#include "kernels/ops/embedding.h"

#include <cstring>

#include "kernels/cpu/indices.h"
#include "kernels/cpu/pointwise.h"
#include "kernels/cpu/row_sums.h"

namespace orchid::ops {
namespace {

/// Columns of a gradient row worth a thread.
constexpr std::int64_t kColumnGrain = 64;

/// Which table rows a position uses; null pointers for tables that are left out.
struct Lookup {
  const std::int32_t* ids;
  const std::int32_t* segments;
  std::int64_t length;

  std::int64_t segment(std::int64_t at) const { return segments ? segments[at] : 0; }
};

Lookup make_lookup(const char* op, const Tensor& ids, const Tensor* segments, const Tensor& tokens,
                   const Tensor* types) {
  const auto* const segment_values =
      segments && types ? cpu::checked_indices(op, "segments", *segments, types->shape()[0])
                        : nullptr;
  return {cpu::checked_indices(op, "ids", ids, tokens.shape()[0]), segment_values, ids.shape()[1]};
}

}  // namespace

void Embedding::cpu(Context& ctx) const {
  const Lookup lookup = make_lookup(name, *ids, segments.tensor, *tokens, types.tensor);
  dispatch_float(tokens->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = tokens->shape()[1];
    const T* const token_rows = tokens->data<T>();
    const T* const position_rows = positions.defined() ? positions->data<T>() : nullptr;
    const T* const type_rows = types.defined() ? types->data<T>() : nullptr;
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, ids->count(), width, [=](std::int64_t at) {
      T* const to = out + at * width;
      std::copy_n(token_rows + lookup.ids[at] * width, width, to);
      if (position_rows) cpu::add_to(to, position_rows + at % lookup.length * width, width);
      if (type_rows) cpu::add_to(to, type_rows + lookup.segment(at) * width, width);
    });
  });
}

/// Threads share the columns: each adds its part of all positions in order, so equal ids never
/// meet, and the sums do not depend on the number of threads.
void EmbeddingGrad::cpu(Context& ctx) const {
  const Lookup lookup = make_lookup(name, *ids, segments.tensor, *dtokens, dtypes.tensor);
  dispatch_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = dtokens->shape()[1], count = ids->count();
    const T* const upper = dy->data<T>();
    T* const token_rows = dtokens->data<T>();
    T* const position_rows = dpositions.defined() ? dpositions->data<T>() : nullptr;
    T* const type_rows = dtypes.defined() ? dtypes->data<T>() : nullptr;
    cpu::parallel_for(ctx, width, kColumnGrain, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t columns = end - begin;
      for (std::int64_t at = 0; at < count; ++at) {
        const T* const from = upper + at * width + begin;
        if (lookup.ids[at] != padding_id)
          cpu::add_to(token_rows + lookup.ids[at] * width + begin, from, columns);
        if (position_rows)
          cpu::add_to(position_rows + at % lookup.length * width + begin, from, columns);
        if (type_rows) cpu::add_to(type_rows + lookup.segment(at) * width + begin, from, columns);
      }
    });
  });
}

void GatherRows::cpu(Context& ctx) const {
  const auto from = cpu::ascending_rows(name, "rows", *rows, x->shape().rows());
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, rows->count(), width, [=](std::int64_t m) {
      if (m < from.count) {
        std::copy_n(in + from.values[m] * width, width, out + m * width);
      } else {
        std::fill_n(out + m * width, width, T(0));
      }
    });
  });
}

void GatherRowsGrad::cpu(Context& ctx) const {
  const std::int64_t count = dx->shape().rows();
  const auto [to, gathered] = cpu::ascending_rows(name, "rows", *rows, count);
  dispatch_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = dx->shape().last();
    const T* const upper = dy->data<T>();
    T* const lower = dx->data<T>();
    const std::int64_t grain = cpu::kElementGrain / std::max<std::int64_t>(width, 1) + 1;
    cpu::parallel_for(ctx, count, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t m = std::lower_bound(to, to + gathered, begin) - to;
      for (std::int64_t row = begin; row < end; ++row) {
        if (m < gathered && to[m] == row) {
          std::copy_n(upper + m++ * width, width, lower + row * width);
        } else {
          std::fill_n(lower + row * width, width, T(0));
        }
      }
    });
  });
}

}  // namespace orchid::ops
