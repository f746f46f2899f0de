#include "kernels/ops/transform.h"

namespace orchid::ops {
namespace {

bool has_small_factors(std::int64_t n) {
  for (const int factor : {2, 3, 5, 7}) {
    while (n % factor == 0) n /= factor;
  }
  return n == 1;
}

struct Named {
  const char* name;
  const Tensor& tensor;
};

/// `signal` is (B, L, D) with L <= N; `spectrum` then is (B, F, channels).
void check_transform(const char* op, const Named& signal, const Named& spectrum, TransformKind kind,
                     std::int64_t length) {
  const Shape& shape = signal.tensor.shape();
  ORCHID_CHECK(shape.rank() == 3 && shape.count() > 0, op, ": ", signal.name,
               ": expected (B, L, D), got ", shape);
  ORCHID_CHECK(length >= shape[1], op, ": length: expected at least L = ", shape[1], ", got ",
               length);
  ORCHID_CHECK(is_fourier(kind) || length == shape[1], op, ": length: expected L = ", shape[1],
               " for ", name_of(kind), ", got ", length);
  check_shape(op, spectrum.name, spectrum.tensor,
              {shape[0], spectrum_bins(kind, length), spectrum_channels(kind, shape[2])});
  check_dtype(op, spectrum.name, spectrum.tensor, accumulate_type(signal.tensor.dtype()));
}

}  // namespace

const char* name_of(TransformKind kind) {
  switch (kind) {
    case TransformKind::fft:
      return "fft";
    case TransformKind::fft_ortho:
      return "fft_ortho";
    case TransformKind::dct:
      return "dct";
    case TransformKind::dct_ortho:
      return "dct_ortho";
  }
  return "?";
}

std::int64_t good_transform_length(std::int64_t least) {
  std::int64_t length = least < 1 ? 1 : least;
  while (!has_small_factors(length)) ++length;
  return length;
}

void Transform::check() const {
  check_transform(name, {"x", *x}, {"spectrum", *spectrum}, kind, length);
}

void TransformGrad::check() const {
  check_transform(name, {"dx", *dx}, {"dspectrum", *dspectrum}, kind, length);
}

void InverseTransform::check() const {
  check_transform(name, {"x", *x}, {"spectrum", *spectrum}, kind, length);
}

void InverseTransformGrad::check() const {
  check_transform(name, {"dx", *dx}, {"dspectrum", *dspectrum}, kind, length);
}

}  // namespace orchid::ops
