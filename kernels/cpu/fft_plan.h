#pragma once

#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "kernels/core/context.h"

namespace orchid::cpu {

/// Tables of the complex transform of one length, for element type T. Read only once made.
///
/// Lengths with factors 2, 3, 5 and 7 alone are split in place: pass p turns each block of
/// radix * stride elements into `radix` blocks of `stride`, each a smaller transform. Nothing is
/// put back in order; bin f ends at place bins[f], and the inverse starts from there. So there is
/// one buffer, and once a block fits a cache all that is left of it happens there.
/// Other lengths: Rader's algorithm for a prime N whose N - 1 splits (cyclic convolution of length
/// N - 1), else Bluestein's (convolution with a chirp, of a length >= 2N - 1 that splits).
template <class T>
struct FftPlan {
  enum class Method { split, rader, bluestein };
  struct Pass {
    int radix;
    std::int64_t stride;
    /// exp(-2 pi i k q / (radix * stride)) as (re, im), for k < stride, q = 1 .. radix - 1.
    const T* twiddles;
  };

  explicit FftPlan(std::int64_t length);

  Method method = Method::split;
  std::int64_t length;  ///< N
  /// Complex vectors from the scratch of one transform to that of the next: at least N, and more
  /// by a few, so that equal places of neighbours do not share a cache set.
  std::int64_t work_size;
  /// Where sample n lies before `forward` and after `inverse`, and bin f in between.
  std::vector<std::int32_t> samples, bins;
  /// exp(-pi i k / (2N)) as (re, im), k = 0 .. N/2: from Fourier to cosine coefficients.
  std::vector<T> quarter_turns;

  std::vector<Pass> passes;              ///< split
  std::unique_ptr<const FftPlan> inner;  ///< rader, bluestein: plan of the convolution
  std::vector<T> multiplier;             ///< transform of the convolution kernel, in inner places
  std::vector<T> chirp;                  ///< bluestein: exp(-pi i n^2 / N) as (re, im)

 private:
  void plan_split(const std::vector<int>& radices);
  void plan_rader();
  void plan_bluestein();
  void set_multiplier(const std::vector<std::complex<double>>& kernel);

  std::vector<T> twiddles_;
};

/// The plans a Context has made so far.
class FftPlans {
 public:
  template <class T>
  const FftPlan<T>& get(std::int64_t length) {
    auto& plan = std::get<Map<T>>(plans_)[length];
    if (!plan) plan = std::make_unique<const FftPlan<T>>(length);
    return *plan;
  }

 private:
  template <class T>
  using Map = std::map<std::int64_t, std::unique_ptr<const FftPlan<T>>>;
  std::tuple<Map<float>, Map<double>> plans_;
};

template <class T>
const FftPlan<T>& fft_plan(Context& ctx, std::int64_t length) {
  return ctx.state<FftPlans>().get<T>(length);
}

}  // namespace orchid::cpu
