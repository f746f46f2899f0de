#pragma once

#include <numbers>

#include "kernels/cpu/math.h"
#include "kernels/ops/activation.h"

/// The scalar functions of ActivationKind as types with value(x) and slope(x), to be inlined into
/// vectorised loops.
namespace orchid::cpu {

template <class T>
struct Identity {
  T value(T x) const { return x; }
  T slope(T) const { return T(1); }
};

template <class T>
struct Gelu {
  static constexpr T kRootHalf = std::numbers::sqrt2_v<T> / 2;
  static constexpr T kDensity = std::numbers::inv_sqrtpi_v<T> * kRootHalf;  ///< 1 / sqrt(2 pi)

  static T cumulative(T x) { return T(0.5) + T(0.5) * math::erf(x * kRootHalf); }
  T value(T x) const { return x * cumulative(x); }
  T slope(T x) const { return cumulative(x) + x * (kDensity * math::exp(T(-0.5) * x * x)); }
};

template <class T>
struct Relu {
  T value(T x) const { return x < T(0) ? T(0) : x; }  // keeps NaN
  T slope(T x) const { return x > T(0) ? T(1) : T(0); }
};

template <class T>
struct Tanh {
  T value(T x) const { return math::tanh(x); }
  T slope(T x) const {
    const T y = math::tanh(x);
    return T(1) - y * y;
  }
};

template <class T>
struct Sigmoid {
  T shift;
  T value(T x) const { return math::sigmoid(x - shift); }
  T slope(T x) const {
    const T y = math::sigmoid(x - shift);
    return y * (T(1) - y);
  }
};

template <class T>
struct Silu {
  T value(T x) const { return x * math::sigmoid(x); }
  T slope(T x) const {
    const T s = math::sigmoid(x);
    return s + x * s * (T(1) - s);
  }
};

template <class T>
struct Softplus {
  T value(T x) const { return (x < T(0) ? T(0) : x) + math::log1p(math::exp(-std::fabs(x))); }
  T slope(T x) const { return math::sigmoid(x); }
};

template <class T>
struct Rational {
  T value(T x) const { return x / (x + T(1)); }
  T slope(T x) const { return T(1) / ((x + T(1)) * (x + T(1))); }
};

template <class T>
struct Softshrink {
  T threshold;
  /// x minus its part within [-threshold, threshold].
  T value(T x) const { return x - math::at_least(math::at_most(x, threshold), -threshold); }
  T slope(T x) const { return std::fabs(x) > threshold ? T(1) : T(0); }
};

/// Calls body(function) with the function that `kind` names.
template <class T, class Body>
void with_function(ops::ActivationKind kind, double parameter, const Body& body) {
  using ops::ActivationKind;
  switch (kind) {
    case ActivationKind::identity:
      return body(Identity<T>{});
    case ActivationKind::gelu:
      return body(Gelu<T>{});
    case ActivationKind::relu:
      return body(Relu<T>{});
    case ActivationKind::tanh:
      return body(Tanh<T>{});
    case ActivationKind::silu:
      return body(Silu<T>{});
    case ActivationKind::sigmoid:
      return body(Sigmoid<T>{T(0)});
    case ActivationKind::softplus:
      return body(Softplus<T>{});
    case ActivationKind::rational:
      return body(Rational<T>{});
    case ActivationKind::softshrink:
      return body(Softshrink<T>{static_cast<T>(parameter)});
    case ActivationKind::shifted_sigmoid:
      return body(Sigmoid<T>{static_cast<T>(parameter)});
  }
}

}  // namespace orchid::cpu
