#include "kernels/cpu/math.h"
#include "kernels/cpu/parallel.h"
#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

/// Channels handled together: they are the vector lanes, and their state fits in registers or L1.
constexpr std::int64_t kChannels = 64;

/// Calls body(offset, channels) for each sample and group of channels; `offset` is that of the
/// first position.
template <class Body>
void for_each_group(const Context& ctx, const Shape& shape, const Body& body) {
  const std::int64_t groups = (shape[2] + kChannels - 1) / kChannels;
  cpu::parallel_for(ctx, shape[0] * groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t channel = item % groups * kChannels;
      body(item / groups * shape[1] * shape[2] + channel, std::min(kChannels, shape[2] - channel));
    }
  });
}

template <class T>
void softmax(const T* x, T* y, std::int64_t length, std::int64_t stride, std::int64_t channels) {
  T largest[kChannels], total[kChannels];
  std::copy_n(x, channels, largest);
  std::fill_n(total, channels, T(0));
  for (std::int64_t l = 1; l < length; ++l) {
    const T* const row = x + l * stride;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) largest[c] = std::max(largest[c], row[c]);
  }
  for (std::int64_t l = 0; l < length; ++l) {
    const T* const from = x + l * stride;
    T* const to = y + l * stride;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      to[c] = cpu::math::exp(from[c] - largest[c]);
      total[c] += to[c];
    }
  }
  for (std::int64_t c = 0; c < channels; ++c) total[c] = T(1) / total[c];
  for (std::int64_t l = 0; l < length; ++l) {
    T* const to = y + l * stride;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) to[c] *= total[c];
  }
}

template <class T>
struct GradGroup {
  const T* dy;
  const T* y;
  T* dx;

  void run(std::int64_t length, std::int64_t stride, std::int64_t channels) const {
    T dot[kChannels] = {};
    for (std::int64_t l = 0; l < length; ++l) {
      const T *const d = dy + l * stride, *const value = y + l * stride;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) dot[c] += value[c] * d[c];
    }
    for (std::int64_t l = 0; l < length; ++l) {
      const T *const d = dy + l * stride, *const value = y + l * stride;
      T* const to = dx + l * stride;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) to[c] = value[c] * (d[c] - dot[c]);
    }
  }
};

}  // namespace

void SequenceSoftmax::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Shape& shape = x->shape();
    if (shape.count() == 0) return;
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    for_each_group(ctx, shape, [&](std::int64_t offset, std::int64_t channels) {
      softmax(in + offset, out + offset, shape[1], shape[2], channels);
    });
  });
}

void SequenceSoftmaxGrad::cpu(Context& ctx) const {
  dispatch_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Shape& shape = y->shape();
    const T *const upper = dy->data<T>(), *const value = y->data<T>();
    T* const lower = dx->data<T>();
    for_each_group(ctx, shape, [&](std::int64_t offset, std::int64_t channels) {
      GradGroup<T>{upper + offset, value + offset, lower + offset}.run(shape[1], shape[2],
                                                                       channels);
    });
  });
}

}  // namespace orchid::ops
