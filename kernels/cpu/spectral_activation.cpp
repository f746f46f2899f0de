#include "kernels/cpu/activation_functions.h"
#include "kernels/cpu/pointwise.h"
#include "kernels/ops/activation.h"

namespace orchid::ops {
namespace {

/// Below this magnitude y = f(|z|) z / kLeast, so that it is smooth at 0.
constexpr double kLeast = 1e-6;

/// y = f(m) z / max(m, kLeast), m = |z|, and its gradient, for one complex or real number.
template <class T, class Function>
struct Magnitude {
  Function f;

  struct Pair {
    T re, im;
  };

  T value(T x) const {
    const T m = std::fabs(x);
    return f.value(m) * (x / bounded(m));
  }
  T gradient(T dy, T x) const {
    const T m = std::fabs(x), slope = f.slope(m);
    const T inside = (f.value(m) + m * slope) / static_cast<T>(kLeast);
    return dy * (m > static_cast<T>(kLeast) ? slope : inside);
  }

  Pair value(T re, T im) const {
    const T m = std::sqrt(re * re + im * im);
    const T factor = f.value(m) / bounded(m);
    return {factor * re, factor * im};
  }

  /// With s(m) = f(m) / max(m, kLeast):  dz = s dy + s'(m) Re(conj(dy) z) z / m.
  Pair gradient(Pair dy, T re, T im) const {
    const T m = std::sqrt(re * re + im * im), least = bounded(m);
    const T value = f.value(m) / least;
    const T decay = m > static_cast<T>(kLeast) ? value : T(0);
    const T slope = (f.slope(m) - decay) / least;
    // z / m -> 0 / tiny = 0 at the origin, where |z| has no derivative.
    const T along = slope * (dy.re * re + dy.im * im) / cpu::math::at_least(m, T(1e-30));
    return {value * dy.re + along * re, value * dy.im + along * im};
  }

 private:
  static T bounded(T m) { return cpu::math::at_least(m, static_cast<T>(kLeast)); }
};

/// Calls body(i, j): the real and imaginary part of one number lie at i and j.
template <class Body>
void for_each_complex(const Context& ctx, const Shape& shape, const Body& body) {
  const std::int64_t width = shape.last() / 2;
  cpu::for_each_row(ctx, shape.rows(), width, [=](std::int64_t row) {
    const std::int64_t re = 2 * row * width, im = re + width;
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) body(re + c, im + c);
  });
}

}  // namespace

void SpectralActivation::cpu(Context& ctx) const {
  dispatch_float(z->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = z->data<T>();
    T* const out = y->data<T>();
    cpu::with_function<T>(kind, parameter, [&](auto f) {
      const Magnitude<T, decltype(f)> scaled{f};
      if (!magnitude) {
        cpu::for_each_element(ctx, z->count(), [=](std::int64_t i) { out[i] = f.value(in[i]); });
      } else if (complex) {
        for_each_complex(ctx, z->shape(), [=](std::int64_t i, std::int64_t j) {
          const auto value = scaled.value(in[i], in[j]);
          out[i] = value.re;
          out[j] = value.im;
        });
      } else {
        cpu::for_each_element(ctx, z->count(),
                              [=](std::int64_t i) { out[i] = scaled.value(in[i]); });
      }
    });
  });
}

void SpectralActivationGrad::cpu(Context& ctx) const {
  dispatch_float(z->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const upper = dy->data<T>(), *const in = z->data<T>();
    T* const lower = dz->data<T>();
    cpu::with_function<T>(kind, parameter, [&](auto f) {
      const Magnitude<T, decltype(f)> scaled{f};
      if (!magnitude) {
        cpu::for_each_element(ctx, z->count(),
                              [=](std::int64_t i) { lower[i] = f.slope(in[i]) * upper[i]; });
      } else if (complex) {
        for_each_complex(ctx, z->shape(), [=](std::int64_t i, std::int64_t j) {
          const auto gradient = scaled.gradient({upper[i], upper[j]}, in[i], in[j]);
          lower[i] = gradient.re;
          lower[j] = gradient.im;
        });
      } else {
        cpu::for_each_element(ctx, z->count(),
                              [=](std::int64_t i) { lower[i] = scaled.gradient(upper[i], in[i]); });
      }
    });
  });
}

}  // namespace orchid::ops
