#include "kernels/ops/pool.h"

#include "kernels/cpu/row_sums.h"

namespace orchid::ops {
namespace {

/// Channels of a sample that one thread sums: few samples still occupy all threads.
constexpr std::int64_t kSlab = 256;

/// Which positions of a sample count; `mask` null: all.
struct Positions {
  const std::uint8_t* mask;
  std::int64_t length;

  bool counts(std::int64_t l) const { return !mask || mask[l] != 0; }
  std::int64_t count() const {
    return mask ? length - std::count(mask, mask + length, std::uint8_t{0}) : length;
  }
};

/// body(b, positions of b, c, end) for the slabs [c, end) of channels of every sample b.
template <class Body>
void for_each_slab(const Context& ctx, const Shape& shape, const Tensor* mask, const Body& body) {
  const std::int64_t length = shape[1], width = shape[2], slabs = (width + kSlab - 1) / kSlab;
  const auto* const kept = mask ? mask->data<std::uint8_t>() : nullptr;
  const std::int64_t columns = std::min(width, kSlab);
  cpu::for_each_row(ctx, shape[0] * slabs, length * columns, [=](std::int64_t i) {
    const std::int64_t b = i / slabs, c = i % slabs * kSlab;
    body(b, Positions{kept ? kept + b * length : nullptr, length}, c, std::min(width, c + kSlab));
  });
}

/// to[c] = the mean over the positions of x[:, c], rows of `width`. Positions are summed in chunks,
/// so that the rounding of a long sum grows with the chunks, not with its length.
template <class T>
void average(const T* x, std::int64_t width, const Positions& positions, T* to,
             std::int64_t columns) {
  T part[kSlab];
  std::fill_n(to, columns, T(0));
  for (std::int64_t first = 0; first < positions.length; first += cpu::kRowChunk) {
    std::fill_n(part, columns, T(0));
    const std::int64_t last = std::min(positions.length, first + cpu::kRowChunk);
    for (std::int64_t l = first; l < last; ++l)
      if (positions.counts(l)) cpu::add_to(part, x + l * width, columns);
    cpu::add_to(to, part, columns);
  }
  const T factor = T(1) / static_cast<T>(std::max<std::int64_t>(1, positions.count()));
#pragma omp simd
  for (std::int64_t c = 0; c < columns; ++c) to[c] *= factor;
}

}  // namespace

void MeanPool::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t length = x->shape()[1], width = x->shape()[2];
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    for_each_slab(
        ctx, x->shape(), mask.tensor,
        [=](std::int64_t b, const Positions& positions, std::int64_t c, std::int64_t end) {
          average(in + b * length * width + c, width, positions, out + b * width + c, end - c);
        });
  });
}

void MeanPoolGrad::cpu(Context& ctx) const {
  dispatch_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t length = dx->shape()[1], width = dx->shape()[2];
    const T* const upper = dy->data<T>();
    T* const lower = dx->data<T>();
    for_each_slab(
        ctx, dx->shape(), mask.tensor,
        [=](std::int64_t b, const Positions& positions, std::int64_t begin, std::int64_t end) {
          const T factor = T(1) / static_cast<T>(std::max<std::int64_t>(1, positions.count()));
          const T* const from = upper + b * width;
          for (std::int64_t l = 0; l < length; ++l) {
            T* const to = lower + (b * length + l) * width;
            if (!positions.counts(l)) {
              std::fill(to + begin, to + end, T(0));
              continue;
            }
#pragma omp simd
            for (std::int64_t c = begin; c < end; ++c) to[c] = factor * from[c];
          }
        });
  });
}

}  // namespace orchid::ops
