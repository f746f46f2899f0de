#include "data/image/geometry.h"

#include <algorithm>
#include <cmath>
#include <numbers>

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
double between(const std::array<double, 2>& v, double t) {
  return v[0] + (v[1] - v[0]) * t;
}

double between(const std::array<double, 4>& v, double t) {
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

template <int kTaps>
void transform_into(Image& out, const Image& image, const Affine& m) {
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  for (std::int64_t row = 0; row < out.height; ++row)
    for (std::int64_t column = 0; column < out.width; ++column) {
      const double at_x = static_cast<double>(column) + 0.5, at_y = static_cast<double>(row) + 0.5;
      const double x = m[0] * at_x + m[1] * at_y + m[2], y = m[3] * at_x + m[4] * at_y + m[5];
      if (x >= 0 && x < width && y >= 0 && y < height)
        interpolate<kTaps>(image, x, y, out.row(row) + 3 * column);
    }
}

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
  if (filter == Filter::bilinear)
    transform_into<2>(out, image, from);
  else
    transform_into<4>(out, image, from);
  return out;
}

}  // namespace orchid::data
