#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// y = sin(scale * frequency_c * x).
struct Sine {
  static constexpr const char* name = "sine";
  In x;          ///< (R, W)
  In frequency;  ///< (W), accumulate_type
  Out y;         ///< (R, W)
  double scale = 1;

  ORCHID_OPERANDS(x, frequency, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx = scale * frequency * cos(scale * frequency * x) dy,
/// dfrequency += sum over rows of scale * x * cos(scale * frequency * x) dy.
struct SineGrad {
  static constexpr const char* name = "sine_grad";
  In dy;
  In x;
  In frequency;
  Out dx;
  Acc dfrequency;  ///< (W), accumulate_type
  double scale = 1;

  ORCHID_OPERANDS(dy, x, frequency, dx, dfrequency)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// The window of a static filter, and its split by filter:
///   k[o, l, d] = e[l, c] * (exp(-t_l |delta_c|) + shift) / norm_l,   c = d * filters + o
/// norm_l = 1, or with `normalized` the sum over c of |windowed e[l, c]|. `window` false: the
/// factor in brackets is 1.
struct DecayWindow {
  static constexpr const char* name = "decay_window";
  In e;      ///< (L, D filters)
  In t;      ///< (>= L): normalised times, accumulate_type
  In delta;  ///< (D filters), accumulate_type
  Out k;     ///< (filters, L, D)
  double shift = 0;
  bool window = true;
  bool normalized = false;

  ORCHID_OPERANDS(e, t, delta, k)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// With v the windowed e: dv_c = dk_c / norm - sign(v_c) sum_b(dk_b v_b) / norm^2 if normalized,
/// else dk_c; de_c = dv_c times the factor in brackets. t and delta are not trained.
struct DecayWindowGrad {
  static constexpr const char* name = "decay_window_grad";
  In dk;     ///< (filters, L, D)
  In e;      ///< (L, D filters)
  In t;      ///< (>= L)
  In delta;  ///< (D filters)
  Out de;    ///< (L, D filters)
  double shift = 0;
  bool window = true;
  bool normalized = false;

  ORCHID_OPERANDS(dk, e, t, delta, de)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
