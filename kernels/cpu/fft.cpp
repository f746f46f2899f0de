#include "kernels/cpu/fft.h"

#include <algorithm>

namespace orchid::cpu {
namespace {

/// A block of this size is finished pass by pass; a larger one part by part.
constexpr std::int64_t kBlockBytes = 16 * 1024;

template <class V>
bool fits_cache(const FftPlan<Scalar<V>>& plan, std::size_t level) {
  const auto& pass = plan.passes[level];
  return pass.radix * pass.stride * static_cast<std::int64_t>(sizeof(Complex<V>)) <= kBlockBytes;
}

/// One block of a forward pass: butterfly, then twiddles. read(i) gives element i.
template <int R, class V, class Read>
ORCHID_INLINE void forward_block(std::int64_t stride, const Scalar<V>* twiddles, const Read& read,
                                 Complex<V>* out) {
  Complex<V> a[R];
  unroll<R>([&](auto j) { a[j] = read(j * stride); });
  dft(a);
  unroll<R>([&](auto q) { out[q * stride] = a[q]; });
  for (std::int64_t k = 1; k < stride; ++k) {
    twiddles += 2 * (R - 1);
    unroll<R>([&](auto j) { a[j] = read(k + j * stride); });
    dft(a);
    out[k] = a[0];
    unroll<R - 1>([&](auto q) {
      out[k + (q + 1) * stride] = multiply(a[q + 1], twiddles[2 * q], twiddles[2 * q + 1]);
    });
  }
}

/// The adjoint of forward_block: conjugate twiddles, then the conjugate butterfly. Real and
/// imaginary parts change places on the way, which conjugates both. write(i, z) takes element i.
template <int R, class V, class Write>
ORCHID_INLINE void inverse_block(std::int64_t stride, const Scalar<V>* twiddles,
                                 const Complex<V>* in, const Write& write) {
  Complex<V> a[R];
  unroll<R>([&](auto q) { a[q] = swapped(in[q * stride]); });
  dft(a);
  unroll<R>([&](auto j) { write(j * stride, swapped(a[j])); });
  for (std::int64_t k = 1; k < stride; ++k) {
    twiddles += 2 * (R - 1);
    a[0] = swapped(in[k]);
    unroll<R - 1>([&](auto q) {
      a[q + 1] = multiply(swapped(in[k + (q + 1) * stride]), twiddles[2 * q], twiddles[2 * q + 1]);
    });
    dft(a);
    unroll<R>([&](auto j) { write(k + j * stride, swapped(a[j])); });
  }
}

template <int R, class V>
void forward_pass(const Scalar<V>* twiddles, std::int64_t stride, std::int64_t blocks,
                  Complex<V>* data) {
  for (std::int64_t block = 0; block < blocks; ++block, data += R * stride)
    forward_block<R>(
        stride, twiddles, [data](std::int64_t i) { return data[i]; }, data);
}

template <int R, class V>
void inverse_pass(const Scalar<V>* twiddles, std::int64_t stride, std::int64_t blocks,
                  Complex<V>* data) {
  for (std::int64_t block = 0; block < blocks; ++block, data += R * stride)
    inverse_block<R>(stride, twiddles, data, [data](std::int64_t i, Complex<V> z) { data[i] = z; });
}

/// Element by element, by the table of complex numbers or its conjugate.
template <bool kConjugate, class V>
void multiply_by(const std::vector<Scalar<V>>& factors, Complex<V>* data) {
  for (std::size_t i = 0; 2 * i < factors.size(); ++i) {
    const Scalar<V> im = factors[2 * i + 1];
    data[i] = multiply(data[i], factors[2 * i], kConjugate ? -im : im);
  }
}

/// data[0] is sample (or bin) 0, then the others in the order of powers of a generator of the
/// multiplicative group modulo N: X_0 is the sum of all, the others are x_0 plus a convolution.
/// The matrix is its own transpose up to that order, so the inverse only conjugates.
template <bool kInverse, class V>
void rader(const FftPlan<Scalar<V>>& plan, Complex<V>* data) {
  const FftPlan<Scalar<V>>& inner = *plan.inner;
  const Complex<V> first = data[0];
  Complex<V>* others = data + 1;
  forward_in_place(inner, others);
  Complex<V>& sum = others[inner.bins[0]];
  data[0] = first + sum;
  multiply_by<kInverse>(plan.multiplier, others);
  sum = sum + first;
  inverse_in_place(inner, others);
}

template <bool kInverse, class V>
void bluestein(const FftPlan<Scalar<V>>& plan, Complex<V>* data) {
  multiply_by<kInverse>(plan.chirp, data);
  std::fill(data + plan.length, data + plan.inner->length, Complex<V>{});
  forward_in_place(*plan.inner, data);
  multiply_by<kInverse>(plan.multiplier, data);
  inverse_in_place(*plan.inner, data);
  multiply_by<kInverse>(plan.chirp, data);
}

}  // namespace

template <class V>
void forward_from(const FftPlan<Scalar<V>>& plan, std::size_t level, Complex<V>* block) {
  if (level == plan.passes.size()) return;
  const auto& top = plan.passes[level];
  if (!fits_cache<V>(plan, level)) {
    with_radix(top.radix, [&](auto r) { forward_pass<r>(top.twiddles, top.stride, 1, block); });
    for (int q = 0; q < top.radix; ++q) forward_from(plan, level + 1, block + q * top.stride);
    return;
  }
  std::int64_t blocks = 1;
  for (; level < plan.passes.size(); ++level) {
    const auto& pass = plan.passes[level];
    with_radix(pass.radix,
               [&](auto r) { forward_pass<r>(pass.twiddles, pass.stride, blocks, block); });
    blocks *= pass.radix;
  }
}

template <class V>
void inverse_to(const FftPlan<Scalar<V>>& plan, std::size_t level, Complex<V>* block) {
  if (level == plan.passes.size()) return;
  const auto& top = plan.passes[level];
  if (!fits_cache<V>(plan, level)) {
    for (int q = 0; q < top.radix; ++q) inverse_to(plan, level + 1, block + q * top.stride);
    with_radix(top.radix, [&](auto r) { inverse_pass<r>(top.twiddles, top.stride, 1, block); });
    return;
  }
  const std::int64_t elements = top.radix * top.stride;
  for (std::size_t at = plan.passes.size(); at-- > level;) {
    const auto& pass = plan.passes[at];
    const std::int64_t blocks = elements / (pass.radix * pass.stride);
    with_radix(pass.radix,
               [&](auto r) { inverse_pass<r>(pass.twiddles, pass.stride, blocks, block); });
  }
}

template <class V>
void forward_in_place(const FftPlan<Scalar<V>>& plan, Complex<V>* work) {
  using Method = typename FftPlan<Scalar<V>>::Method;
  if (plan.method == Method::rader) return rader<false>(plan, work);
  if (plan.method == Method::bluestein) return bluestein<false>(plan, work);
  forward_from(plan, 0, work);
}

template <class V>
void inverse_in_place(const FftPlan<Scalar<V>>& plan, Complex<V>* work) {
  using Method = typename FftPlan<Scalar<V>>::Method;
  if (plan.method == Method::rader) return rader<true>(plan, work);
  if (plan.method == Method::bluestein) return bluestein<true>(plan, work);
  inverse_to(plan, 0, work);
}

#define ORCHID_INSTANTIATE(V)                                                         \
  template void forward_from<V>(const FftPlan<Scalar<V>>&, std::size_t, Complex<V>*); \
  template void inverse_to<V>(const FftPlan<Scalar<V>>&, std::size_t, Complex<V>*);   \
  template void forward_in_place<V>(const FftPlan<Scalar<V>>&, Complex<V>*);          \
  template void inverse_in_place<V>(const FftPlan<Scalar<V>>&, Complex<V>*);
ORCHID_INSTANTIATE(Vec<float>)
ORCHID_INSTANTIATE(Vec<double>)
#if defined(__AVX2__)
ORCHID_INSTANTIATE(HalfVec<float>)
#endif

}  // namespace orchid::cpu
