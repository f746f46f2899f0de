#include "data/image/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "data/image/fast.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// The rows and columns around a place, and how far it is beyond the one before it.
template <int kTaps>
struct Around {
  std::array<std::int64_t, kTaps> at;
  double beyond;

  Around(double place, std::int64_t size) {
    const double before = std::floor(place - 0.5);
    beyond = place - 0.5 - before;
    const auto first = static_cast<std::int64_t>(before) - (kTaps / 2 - 1);
    for (int i = 0; i < kTaps; ++i)
      at[static_cast<std::size_t>(i)] = std::clamp<std::int64_t>(first + i, 0, size - 1);
  }
};

/// The order of operations counts: the result is cut down to a whole number.
ORCHID_INLINE double between(const std::array<double, 2>& v, double t) {
  return v[0] + (v[1] - v[0]) * t;
}

ORCHID_INLINE double between(const std::array<double, 4>& v, double t) {
  const double p1 = v[1], p2 = -v[0] + v[2];
  const double p3 = 2 * (v[0] - v[1]) + v[2] - v[3];
  const double p4 = -v[0] + v[1] - v[2] + v[3];
  return p1 + t * (p2 + t * (p3 + t * p4));
}

template <int kTaps>
void interpolate(const Image& image, double x, double y, std::uint8_t* out) {
  const Around<kTaps> columns(x, image.width), rows(y, image.height);
  for (int c = 0; c < 3; ++c) {
    std::array<double, kTaps> down, across;
    for (std::size_t i = 0; i < kTaps; ++i) {
      const std::uint8_t* row = image.row(rows.at[i]) + c;
      for (std::size_t k = 0; k < kTaps; ++k) across[k] = row[3 * columns.at[k]];
      down[i] = between(across, columns.beyond);
    }
    out[c] = static_cast<std::uint8_t>(std::clamp(between(down, rows.beyond), 0.0, 255.0));
  }
}

/// The channels of a pixel and the one byte behind it, worked on at once.
using Lanes = double __attribute__((vector_size(32)));
using Whole = std::int32_t __attribute__((vector_size(16)));
using Bytes = std::uint8_t __attribute__((vector_size(16)));
constexpr std::int64_t kLoaded = 16 / 3;  ///< whole pixels that Bytes hold

/// The kTaps pixels from `pixel` on; reads 16 bytes.
template <std::size_t kTaps>
ORCHID_INLINE void load(const std::uint8_t* pixel, std::array<Lanes, kTaps>& lanes) {
  Bytes bytes;
  std::memcpy(&bytes, pixel, sizeof bytes);
  const Bytes zeros{};
  for (std::size_t k = 0; k < kTaps; ++k) {
    const auto at = static_cast<std::uint8_t>(3 * k);
    const auto next = [&](int c) { return static_cast<std::uint8_t>(at + c); };
    const Bytes order{next(0), 16, 16, 16, next(1), 16, 16, 16,
                      next(2), 16, 16, 16, next(3), 16, 16, 16};
    lanes[k] = __builtin_convertvector(
        reinterpret_cast<Whole>(__builtin_shuffle(bytes, zeros, order)), Lanes);
  }
}

/// As between() above, operation for operation.
ORCHID_INLINE void between(const std::array<Lanes, 2>& v, double t, Lanes& result) {
  result = v[0] + (v[1] - v[0]) * t;
}

ORCHID_INLINE void between(const std::array<Lanes, 4>& v, double t, Lanes& result) {
  const Lanes p2 = -v[0] + v[2];
  const Lanes p3 = 2 * (v[0] - v[1]) + v[2] - v[3];
  const Lanes p4 = -v[0] + v[1] - v[2] + v[3];
  result = v[1] + t * (p2 + t * (p3 + t * p4));
}

ORCHID_INLINE void store(const Lanes& value, std::uint8_t* out) {
  const Lanes zero{}, most = zero + 255.0;
  const Lanes above = value < zero ? zero : value;
  const Whole whole = __builtin_convertvector(above > most ? most : above, Whole);
  for (int c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>(whole[c]);
}

/// What a map moves: along rows alone, along columns alone, or both. Where a coordinate stays, its
/// interpolation is between a pixel and others of weight 0: the pixel itself.
enum class Moves { across, down, both };

/// A row of the result. Away from the edges a pixel's channels are worked on at once.
template <int kTaps, Moves kMoves>
ORCHID_INLINE void transform_row(const Image& image, const Affine& m, std::int64_t row,
                                 std::uint8_t* out) {
  constexpr std::size_t kAcross = kMoves == Moves::down ? 1 : kTaps;
  constexpr std::size_t kDown = kMoves == Moves::across ? 1 : kTaps;
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const double at_y = static_cast<double>(row) + 0.5;
  for (std::int64_t column = 0; column < image.width; ++column, out += 3) {
    const double at_x = static_cast<double>(column) + 0.5;
    const double x = m[0] * at_x + m[1] * at_y + m[2], y = m[3] * at_x + m[4] * at_y + m[5];
    if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
    const double before_x = std::floor(x - 0.5), before_y = std::floor(y - 0.5);
    const auto first_x = static_cast<std::int64_t>(before_x) - (std::int64_t{kAcross} / 2 - 1) -
                         (kAcross == 1 ? 1 : 0);
    const auto first_y =
        static_cast<std::int64_t>(before_y) - (std::int64_t{kDown} / 2 - 1) - (kDown == 1 ? 1 : 0);
    const std::int64_t end_y = first_y + std::int64_t{kDown};
    const std::int64_t last_x = first_x + (end_y < image.height ? std::int64_t{kAcross} : kLoaded);
    if (first_x < 0 || first_y < 0 || last_x >= image.width || end_y > image.height) {
      interpolate<kTaps>(image, x, y, out);
      continue;
    }
    std::array<Lanes, kDown> down;
    for (std::size_t i = 0; i < kDown; ++i) {
      const std::uint8_t* from = image.row(first_y + static_cast<std::int64_t>(i)) + 3 * first_x;
      std::array<Lanes, kAcross> across;
      load(from, across);
      if constexpr (kAcross > 1)
        between(across, x - 0.5 - before_x, down[i]);
      else
        down[i] = across[0];
    }
    if constexpr (kDown > 1) {
      Lanes result;
      between(down, y - 0.5 - before_y, result);
      store(result, out);
    } else {
      store(down[0], out);
    }
  }
}

/// One for each filter and kind of map, as compiled for the machine.
#define ORCHID_TRANSFORM(name, taps, moves)                                   \
  ORCHID_FAST void name(const Image& image, const Affine& from, Image& out) { \
    for (std::int64_t row = 0; row < out.height; ++row)                       \
      transform_row<taps, moves>(image, from, row, out.row(row));             \
  }
ORCHID_TRANSFORM(bilinear_across, 2, Moves::across)
ORCHID_TRANSFORM(bilinear_down, 2, Moves::down)
ORCHID_TRANSFORM(bilinear_both, 2, Moves::both)
ORCHID_TRANSFORM(bicubic_across, 4, Moves::across)
ORCHID_TRANSFORM(bicubic_down, 4, Moves::down)
ORCHID_TRANSFORM(bicubic_both, 4, Moves::both)
#undef ORCHID_TRANSFORM

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
  Image out(image.width, image.height);
  for (std::size_t i = 0; i < out.pixels.size(); i += 3)
    std::copy(fill.begin(), fill.end(), out.pixels.begin() + static_cast<std::ptrdiff_t>(i));
  const bool rows_stay = from[3] == 0 && from[4] == 1 && from[5] == 0;
  const bool columns_stay = from[0] == 1 && from[1] == 0 && from[2] == 0;
  const bool linear = filter == Filter::bilinear;
  if (rows_stay)
    (linear ? bilinear_across : bicubic_across)(image, from, out);
  else if (columns_stay)
    (linear ? bilinear_down : bicubic_down)(image, from, out);
  else
    (linear ? bilinear_both : bicubic_both)(image, from, out);
  return out;
}

}  // namespace orchid::data
