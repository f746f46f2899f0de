#pragma once

#include "kernels/core/run.h"

/// Pointwise work on spectra. All operands of an op are of one type, on a GPU f32 whatever the type
/// of activations is.
namespace orchid::ops {

/// How a conditioning network orders the 2C reals of C complex channels.
///   interleaved  channel c = out[2c] + i out[2c+1]
///   planar       channel c = out[c] + i out[C + c]
enum class ComplexLayout { interleaved, planar };

/// Phase removal (Type I, paper Eq. 2): s = Re^2 + Im^2 of a Fourier spectrum, |z| of a real one.
struct Power {
  static constexpr const char* name = "power";
  In z;   ///< (B, F, 2D planar), or (B, F, D) if not complex
  Out s;  ///< (B, F, D)
  bool complex = true;

  ORCHID_OPERANDS(z, s)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dz = 2 z ds (complex) or sign(z) ds (real; 0 at 0).
struct PowerGrad {
  static constexpr const char* name = "power_grad";
  In ds;
  In z;
  Out dz;
  bool complex = true;

  ORCHID_OPERANDS(ds, z, dz)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Cross-correlation in the spectrum (Type II, paper Eq. 3): y = conj(k) * q, planar; or k * q,
/// real.
struct ConjugateProduct {
  static constexpr const char* name = "conjugate_product";
  In k;   ///< (B, F, 2D planar), or (B, F, D) if not complex
  In q;   ///< shape of k
  Out y;  ///< shape of k
  bool complex = true;

  ORCHID_OPERANDS(k, q, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Gradient pairs: dk = conj(dy) q, dq = dy k.
struct ConjugateProductGrad {
  static constexpr const char* name = "conjugate_product_grad";
  In dy;
  In k;
  In q;
  Out dk;
  Out dq;
  bool complex = true;

  ORCHID_OPERANDS(dy, k, q, dk, dq)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Spectrum of filter o out of a conditioning network's output: channel d of h is (complex) channel
/// d * filters + o of z, and h is planar.
struct SelectFilter {
  static constexpr const char* name = "select_filter";
  In z;   ///< (B, F, 2 D filters) in `layout`, or (B, F, D filters) if not complex
  Out h;  ///< (B, F, 2D planar), or (B, F, D)
  bool complex = true;
  ComplexLayout layout = ComplexLayout::interleaved;
  std::int64_t filters = 1;
  std::int64_t filter = 0;  ///< o

  ORCHID_OPERANDS(z, h)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Writes the channels of dz that belong to filter o; the gradients of all filters fill dz.
struct SelectFilterGrad {
  static constexpr const char* name = "select_filter_grad";
  In dh;
  Out dz;
  bool complex = true;
  ComplexLayout layout = ComplexLayout::interleaved;
  std::int64_t filters = 1;
  std::int64_t filter = 0;

  ORCHID_OPERANDS(dh, dz)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
