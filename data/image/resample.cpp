#include "data/image/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "data/image/fast.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// Weights are multiples of 2^-22: with 8-bit pixels and the overshoot of a cubic, sums stay within
/// 32 bits.
constexpr int kBits = 22;
constexpr std::int64_t kLanes = 48;         ///< pixels' channels worked on at once
constexpr std::int64_t kRows = kLanes / 3;  ///< rows at once in the pass along rows

double reach_of(Filter filter) {
  return filter == Filter::box ? 0.5 : filter == Filter::bilinear ? 1 : 2;
}

double weight_of(Filter filter, double t) {
  if (filter == Filter::box) return t > -0.5 && t <= 0.5 ? 1 : 0;
  t = std::abs(t);
  if (filter == Filter::bilinear) return std::max(1 - t, 0.0);
  constexpr double a = -0.5;
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/// For each of the pixels that come out, which ones go in, and with what weights.
struct Taps {
  std::vector<std::int64_t> first, count;
  std::vector<std::int32_t> weights;  ///< `most` for each, in multiples of 2^-22
  std::int64_t most = 0;

  const std::int32_t* of(std::int64_t i) const { return weights.data() + i * most; }
};

Taps make_taps(std::int64_t size_in, float from, float to, std::int64_t size_out, Filter filter) {
  const double scale = static_cast<double>(to - from) / static_cast<double>(size_out);
  const double stretch = std::max(scale, 1.0), reach = reach_of(filter) * stretch;
  Taps taps;
  taps.most = 2 * static_cast<std::int64_t>(std::ceil(reach)) + 1;
  taps.weights.resize(static_cast<std::size_t>(taps.most * size_out));
  std::vector<double> exact(static_cast<std::size_t>(taps.most));
  for (std::int64_t i = 0; i < size_out; ++i) {
    const double center = from + (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - reach + 0.5), 0);
    const auto end = std::min(static_cast<std::int64_t>(center + reach + 0.5), size_in);
    double sum = 0;
    for (std::int64_t k = 0; k < end - first; ++k)
      sum += exact[static_cast<std::size_t>(k)] =
          weight_of(filter, (static_cast<double>(k + first) - center + 0.5) * (1 / stretch));
    for (std::int64_t k = 0; k < end - first; ++k) {
      const double weight = exact[static_cast<std::size_t>(k)] / (sum != 0 ? sum : 1);
      taps.weights[static_cast<std::size_t>(i * taps.most + k)] =
          static_cast<std::int32_t>(weight * (1 << kBits) + (weight < 0 ? -0.5 : 0.5));
    }
    taps.first.push_back(first);
    taps.count.push_back(end - first);
  }
  return taps;
}

/// out[lane] = sum over k of weights[k] in[k stride + lane], rounded and kept within 8 bits.
template <std::int64_t kWidth>
ORCHID_INLINE void weigh(const std::uint8_t* in, std::int64_t stride, const std::int32_t* weights,
                         std::int64_t count, std::uint8_t* out) {
  std::array<std::int32_t, kWidth> sums;
  sums.fill(1 << (kBits - 1));
  for (std::int64_t k = 0; k < count; ++k)
    for (std::size_t lane = 0; lane < kWidth; ++lane)
      sums[lane] += weights[k] * in[k * stride + static_cast<std::int64_t>(lane)];
  for (std::size_t lane = 0; lane < kWidth; ++lane)
    out[lane] = static_cast<std::uint8_t>(std::clamp(sums[lane] >> kBits, 0, 255));
}

/// kLanes of them at once.
ORCHID_FOR_ANY void weigh_lanes(const std::uint8_t* in, std::int64_t stride,
                                const std::int32_t* weights, std::int64_t count,
                                std::uint8_t* out) {
  weigh<kLanes>(in, stride, weights, count, out);
}

#ifdef ORCHID_FOR_AVX2
ORCHID_FOR_AVX2 void weigh_lanes(const std::uint8_t* in, std::int64_t stride,
                                 const std::int32_t* weights, std::int64_t count,
                                 std::uint8_t* out) {
  constexpr int kParts = kLanes / 8;
  __m256i sums[kParts];
  for (__m256i& part : sums) part = _mm256_set1_epi32(1 << (kBits - 1));
  for (; count > 0; --count, in += stride, ++weights) {
    const __m256i weight = _mm256_set1_epi32(*weights);
#pragma GCC unroll 6
    for (int i = 0; i < kParts; ++i) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in + 8 * i));
      const __m256i products = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), weight);
      sums[i] = _mm256_add_epi32(sums[i], products);
    }
  }
#pragma GCC unroll 3
  for (int i = 0; i < kParts; i += 2) {  // packing keeps values within 16 bits, then within 8
    const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(sums[i], kBits),
                                             _mm256_srai_epi32(sums[i + 1], kBits));
    const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);  // it went by halves
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8 * i), bytes);
  }
}
#endif

/// One row of the pass along columns: `bytes` places, those that go in `stride` apart.
void weigh_row(const std::uint8_t* in, std::int64_t stride, const std::int32_t* weights,
               std::int64_t count, std::uint8_t* out, std::int64_t bytes) {
  std::int64_t at = 0;
  for (; at + kLanes <= bytes; at += kLanes) weigh_lanes(in + at, stride, weights, count, out + at);
  for (; at < bytes; ++at) weigh<1>(in + at, stride, weights, count, out + at);
}

/// The pass along rows for kRows of them, which lie in `in` turned: the kRows values of a channel
/// of a pixel one after another.
void weigh_turned(const std::uint8_t* in, const Taps& taps, std::int64_t width, std::uint8_t* out) {
  for (std::int64_t x = 0; x < width; ++x)
    weigh_lanes(in + kLanes * taps.first[static_cast<std::size_t>(x)], kLanes, taps.of(x),
                taps.count[static_cast<std::size_t>(x)], out + kLanes * x);
}

using Bytes = std::uint8_t __attribute__((vector_size(16)));
using TwoBytes = std::uint8_t __attribute__((vector_size(32)));

/// Two blocks of sixteen rows of sixteen bytes become columns; the second block is `in_second` and
/// `out_second` bytes behind the first. Each round interleaves the rows of the first half with
/// those of the second: after four, bytes are where they belong.
ORCHID_INLINE void turn_blocks(const std::uint8_t* in, std::int64_t in_stride,
                               std::int64_t in_second, std::uint8_t* out, std::int64_t out_stride,
                               std::int64_t out_second) {
  static_assert(kRows == 16);
  constexpr TwoBytes kLow{0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                          16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55};
  constexpr TwoBytes kHigh{8,  40, 9,  41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,
                           24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};
  std::array<TwoBytes, 16> rows, mixed;
  for (std::int64_t r = 0; r < 16; ++r) {
    auto* const row = reinterpret_cast<char*>(&rows[static_cast<std::size_t>(r)]);
    std::memcpy(row, in + r * in_stride, 16);
    std::memcpy(row + 16, in + r * in_stride + in_second, 16);
  }
  for (int round = 0; round < 4; ++round) {
    for (std::size_t r = 0; r < 8; ++r) {
      mixed[2 * r] = __builtin_shuffle(rows[r], rows[r + 8], kLow);
      mixed[2 * r + 1] = __builtin_shuffle(rows[r], rows[r + 8], kHigh);
    }
    rows = mixed;
  }
  for (std::int64_t r = 0; r < 16; ++r) {
    const auto* const row = reinterpret_cast<const char*>(&rows[static_cast<std::size_t>(r)]);
    std::memcpy(out + r * out_stride, row, 16);
    std::memcpy(out + r * out_stride + out_second, row + 16, 16);
  }
}

/// `rows` rows of `count` bytes to kRows for each place: in[r][i] to out[i][r].
ORCHID_FAST void turn(const std::uint8_t* in, std::int64_t stride, std::int64_t rows,
                      std::int64_t count, std::uint8_t* out) {
  if (rows == kRows && count >= 2 * kRows) {
    for (std::int64_t i = 0; i < count; i += 2 * kRows) {
      const std::int64_t at = std::min(i, count - 2 * kRows);  // the last overlap those before
      turn_blocks(in + at, stride, kRows, out + kRows * at, kRows, kRows * kRows);
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < count; ++i) out[kRows * i + r] = in[r * stride + i];
}

/// The other way.
ORCHID_FAST void turn_back(const std::uint8_t* in, std::int64_t rows, std::int64_t count,
                           std::uint8_t* out, std::int64_t stride) {
  if (rows == kRows && count >= 2 * kRows) {
    for (std::int64_t i = 0; i < count; i += 2 * kRows) {
      const std::int64_t at = std::min(i, count - 2 * kRows);
      turn_blocks(in + kRows * at, kRows, kRows * kRows, out + at, stride, kRows);
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < count; ++i) out[r * stride + i] = in[kRows * i + r];
}

/// Pixels of an image, or of a part of one.
struct Pixels {
  const std::uint8_t* first;
  std::int64_t stride, width, height;

  const std::uint8_t* row(std::int64_t y) const { return first + y * stride; }
};

/// Rows [top, bottom) brought to `width`.
Image along_rows(const Pixels& image, const Taps& taps, std::int64_t width, std::int64_t top,
                 std::int64_t bottom) {
  Image out = Image::unset(width, bottom - top);
  std::vector<std::uint8_t> turned(static_cast<std::size_t>(kLanes * image.width));
  std::vector<std::uint8_t> weighed(static_cast<std::size_t>(kLanes * width));
  const std::int64_t rows = std::min(kRows, bottom - top);
  for (std::int64_t next = top; next < bottom; next += kRows) {
    const std::int64_t y = std::min(next, bottom - rows);  // the last overlap those before
    turn(image.row(y), image.stride, rows, 3 * image.width, turned.data());
    weigh_turned(turned.data(), taps, width, weighed.data());
    turn_back(weighed.data(), rows, 3 * width, out.row(y - top), 3 * width);
  }
  return out;
}

/// Brought to `height`; row 0 of `image` is row `top` of what the taps are of.
Image along_columns(const Pixels& image, const Taps& taps, std::int64_t height, std::int64_t top) {
  Image out = Image::unset(image.width, height);
  for (std::int64_t y = 0; y < height; ++y)
    weigh_row(image.row(taps.first[static_cast<std::size_t>(y)] - top), image.stride, taps.of(y),
              taps.count[static_cast<std::size_t>(y)], out.row(y), 3 * image.width);
  return out;
}

Pixels all_of(const Image& image) {
  return {image.pixels.data(), 3 * image.width, image.width, image.height};
}

Image copy_of(const Pixels& image) {
  Image out = Image::unset(image.width, image.height);
  for (std::int64_t y = 0; y < image.height; ++y)
    std::copy_n(image.row(y), 3 * image.width, out.row(y));
  return out;
}

Image resize(const Pixels& image, const Box& box, std::int64_t width, std::int64_t height,
             Filter filter) {
  const auto full_width = static_cast<float>(image.width);
  const auto full_height = static_cast<float>(image.height);
  ORCHID_CHECK(width > 0 && height > 0, "resize: expected a size above 0, got ", width, " x ",
               height);
  ORCHID_CHECK(0 <= box.left && box.left < box.right && box.right <= full_width && 0 <= box.top &&
                   box.top < box.bottom && box.bottom <= full_height,
               "resize: expected a box within ", image.width, " x ", image.height, ", got (",
               box.left, ", ", box.top, ") to (", box.right, ", ", box.bottom, ")");
  const bool rows = width != image.width || box.left != 0 || box.right != full_width;
  const bool columns = height != image.height || box.top != 0 || box.bottom != full_height;
  if (!rows && !columns) return copy_of(image);
  const auto across = [&] { return make_taps(image.width, box.left, box.right, width, filter); };
  if (!columns) return along_rows(image, across(), width, 0, image.height);
  const Taps taps = make_taps(image.height, box.top, box.bottom, height, filter);
  if (!rows) return along_columns(image, taps, height, 0);
  const std::int64_t top = taps.first.front(), bottom = taps.first.back() + taps.count.back();
  return along_columns(all_of(along_rows(image, across(), width, top, bottom)), taps, height, top);
}

Pixels part_of(const Image& image, const Part& part) {
  ORCHID_CHECK(0 <= part.x && 0 <= part.y && part.width > 0 && part.height > 0 &&
                   part.width <= image.width - part.x && part.height <= image.height - part.y,
               "crop: expected ", part.width, " x ", part.height, " pixels from (", part.x, ", ",
               part.y, ") within ", image.width, " x ", image.height);
  return {image.row(part.y) + 3 * part.x, 3 * image.width, part.width, part.height};
}

}  // namespace

Image resize(const Image& image, const Box& box, std::int64_t width, std::int64_t height,
             Filter filter) {
  return resize(all_of(image), box, width, height, filter);
}

Image resize(const Image& image, const Part& part, const Box& box, std::int64_t size,
             Filter filter) {
  return resize(part_of(image, part), box, size, size, filter);
}

Image resize(const Image& image, std::int64_t width, std::int64_t height, Filter filter) {
  return resize(image, {0, 0, static_cast<float>(image.width), static_cast<float>(image.height)},
                width, height, filter);
}

Image crop(const Image& image, std::int64_t x, std::int64_t y, std::int64_t width,
           std::int64_t height) {
  return copy_of(part_of(image, {x, y, width, height}));
}

ORCHID_FAST void flip_horizontal(Image& image) {
  constexpr std::int64_t kPixels = 5;  // of 16 bytes; the byte left is the end of what comes next
  constexpr Bytes kTurned{15, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2};
  const std::int64_t width = image.width;
  std::vector<std::uint8_t> from(static_cast<std::size_t>(3 * width + 1));
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::uint8_t* const row = image.row(y);
    std::copy_n(row, 3 * width, from.data());
    std::int64_t x = 0;
    for (; x + kPixels < width; x += kPixels) {
      Bytes pixels;
      std::memcpy(&pixels, from.data() + 3 * x, sizeof pixels);
      pixels = __builtin_shuffle(pixels, kTurned);
      std::memcpy(row + 3 * (width - kPixels - x) - 1, &pixels, sizeof pixels);
    }
    for (; x < width; ++x) std::copy_n(from.data() + 3 * x, 3, row + 3 * (width - 1 - x));
  }
}

}  // namespace orchid::data
