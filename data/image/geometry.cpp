#include "data/image/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "data/image/fast.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// What a map moves: along rows alone, along columns alone, or both. Where a coordinate stays, its
/// interpolation is between a pixel and others of weight 0: the pixel itself.
enum class Moves { across, down, both };

namespace any_machine {
#include "data/image/geometry_rows.inl"
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx2")
#define ORCHID_WIDE
namespace wide {
#include "data/image/geometry_rows.inl"
}
#undef ORCHID_WIDE
#pragma GCC pop_options

void transform(const Image& image, const Affine& from, Filter filter, Moves moves,
               const Color& fill, Image& out) {
  static const bool is_wide = __builtin_cpu_supports("avx2");
  (is_wide ? wide::transform : any_machine::transform)(image, from, filter, moves, fill, out);
}
#else
using any_machine::transform;
#endif

/// To 15 decimals: a right angle has a sine of 1 and a cosine of 0.
double rounded(double value) {
  return std::round(value * 1e15) / 1e15;
}

}  // namespace

Affine rotation(double degrees, std::int64_t width, std::int64_t height) {
  const double turns = degrees - 360 * std::floor(degrees / 360);
  const double angle = -turns * (std::numbers::pi / 180);
  const double x = static_cast<double>(width) / 2, y = static_cast<double>(height) / 2;
  const double cosine = rounded(std::cos(angle)), sine = rounded(std::sin(angle));
  return {cosine, sine,   cosine * -x + sine * -y + x,  // the center stays
          -sine,  cosine, -sine * -x + cosine * -y + y};
}

Affine shear_x(double factor) {
  return {1, factor, 0, 0, 1, 0};
}

Affine shear_y(double factor) {
  return {1, 0, 0, factor, 1, 0};
}

Affine translation(double x, double y) {
  return {1, 0, x, 0, 1, y};
}

Image transformed(const Image& image, const Affine& from, Filter filter, const Color& fill) {
  ORCHID_CHECK(filter != Filter::box, "transform: expected bilinear or bicubic, got box");
  Image out = Image::unset(image.width, image.height);
  const bool rows_stay = from[3] == 0 && from[4] == 1 && from[5] == 0;
  const bool columns_stay = from[0] == 1 && from[1] == 0 && from[2] == 0;
  transform(image, from, filter,
            rows_stay      ? Moves::across
            : columns_stay ? Moves::down
                           : Moves::both,
            fill, out);
  return out;
}

}  // namespace orchid::data
