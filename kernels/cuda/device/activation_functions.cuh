#pragma once

#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/activation.h"

/// The scalar functions of ActivationKind as types with value(x) and slope(x), with the accurate
/// functions of float: fast ones would miss the tolerance of float32.
namespace orchid::cuda {

struct Identity {
  __device__ float value(float x) const { return x; }
  __device__ float slope(float) const { return 1; }
};

struct Gelu {
  static __device__ float cumulative(float x) { return 0.5f + 0.5f * erff(x * 0.707106781f); }
  __device__ float value(float x) const { return x * cumulative(x); }
  __device__ float slope(float x) const {
    return cumulative(x) + x * (0.398942280f * expf(-0.5f * x * x));  // 1 / sqrt(2 pi)
  }
};

struct Relu {
  __device__ float value(float x) const { return x < 0 ? 0 : x; }  // keeps NaN
  __device__ float slope(float x) const { return x > 0 ? 1 : 0; }
};

struct Tanh {
  __device__ float value(float x) const { return tanhf(x); }
  __device__ float slope(float x) const {
    const float y = tanhf(x);
    return 1 - y * y;
  }
};

inline __device__ float sigmoid(float x) {
  return 1 / (1 + expf(-x));
}

struct Sigmoid {
  float shift;
  __device__ float value(float x) const { return sigmoid(x - shift); }
  __device__ float slope(float x) const {
    const float y = sigmoid(x - shift);
    return y * (1 - y);
  }
};

struct Silu {
  __device__ float value(float x) const { return x * sigmoid(x); }
  __device__ float slope(float x) const {
    const float s = sigmoid(x);
    return s + x * s * (1 - s);
  }
};

struct Softplus {
  __device__ float value(float x) const { return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))); }
  __device__ float slope(float x) const { return sigmoid(x); }
};

struct Rational {
  __device__ float value(float x) const { return x / (x + 1); }
  __device__ float slope(float x) const { return 1 / ((x + 1) * (x + 1)); }
};

struct Softshrink {
  float threshold;
  /// x minus its part within [-threshold, threshold]; comparisons that keep NaN.
  __device__ float value(float x) const {
    const float below = x > threshold ? threshold : x;
    return x - (below < -threshold ? -threshold : below);
  }
  __device__ float slope(float x) const { return fabsf(x) > threshold ? 1 : 0; }
};

/// Calls body(function) with the function that `kind` names.
template <class Body>
void with_function(ops::ActivationKind kind, double parameter, const Body& body) {
  using ops::ActivationKind;
  switch (kind) {
    case ActivationKind::identity:
      return body(Identity{});
    case ActivationKind::gelu:
      return body(Gelu{});
    case ActivationKind::relu:
      return body(Relu{});
    case ActivationKind::tanh:
      return body(Tanh{});
    case ActivationKind::silu:
      return body(Silu{});
    case ActivationKind::sigmoid:
      return body(Sigmoid{0});
    case ActivationKind::softplus:
      return body(Softplus{});
    case ActivationKind::rational:
      return body(Rational{});
    case ActivationKind::softshrink:
      return body(Softshrink{static_cast<float>(parameter)});
    case ActivationKind::shifted_sigmoid:
      return body(Sigmoid{static_cast<float>(parameter)});
  }
}

/// f(x), or f'(x) as a function of x.
template <class Function>
struct ValueOf {
  Function f;
  __device__ float operator()(float x) const { return f.value(x); }
};
template <class Function>
struct SlopeTimes {
  Function f;
  __device__ float operator()(float dy, float x) const { return f.slope(x) * dy; }
};

}  // namespace orchid::cuda
