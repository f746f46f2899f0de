// Pixels of a transformed picture. Included by geometry.cpp alone, once for any machine and once
// for those with vectors of 256 bits: their types must be known where the code is first compiled.

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
    const auto whole = reinterpret_cast<Whole>(__builtin_shuffle(bytes, zeros, order));
#ifdef ORCHID_WIDE  // one instruction, which GCC 12 does not find
    lanes[k] = _mm256_cvtepi32_pd(reinterpret_cast<__m128i>(whole));
#else
    lanes[k] = __builtin_convertvector(whole, Lanes);
#endif
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

/// What a picture becomes another by.
struct Map {
  const Image& image;
  Affine m;
  Color fill;
};

/// A row of the result. Away from the edges a pixel's channels are worked on at once.
template <int kTaps, Moves kMoves>
ORCHID_INLINE void transform_row(const Map& map, std::int64_t row, std::uint8_t* out) {
  const auto& [image, m, fill] = map;
  constexpr std::size_t kAcross = kMoves == Moves::down ? 1 : kTaps;
  constexpr std::size_t kDown = kMoves == Moves::across ? 1 : kTaps;
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const double at_y = static_cast<double>(row) + 0.5;
  for (std::int64_t column = 0; column < image.width; ++column, out += 3) {
    const double at_x = static_cast<double>(column) + 0.5;
    const double x = m[0] * at_x + m[1] * at_y + m[2], y = m[3] * at_x + m[4] * at_y + m[5];
    if (!(x >= 0 && x < width && y >= 0 && y < height)) {
      std::copy(fill.begin(), fill.end(), out);
      continue;
    }
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

/// Bytes side by side: taps[k][i] are what is around byte i, t[i] how far it is beyond the one
/// before it.
template <std::size_t kTaps>
ORCHID_INLINE void interpolate_bytes(const std::array<const std::uint8_t*, kTaps>& taps,
                                     const double* t, std::uint8_t* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::array<double, kTaps> v;
    for (std::size_t k = 0; k < kTaps; ++k) v[k] = taps[k][i];
    out[i] = static_cast<std::uint8_t>(std::clamp(between(v, t[i]), 0.0, 255.0));
  }
}

/// A row where only x changes, and by a whole step with each column: between the edges, bytes are
/// as far beyond their neighbours as those beside them, but for rounding. `t` has room for a row.
template <int kTaps>
void shift_row(const Map& map, std::int64_t row, std::vector<double>& t, std::uint8_t* out) {
  const auto& [image, m, fill] = map;
  const double at_y = static_cast<double>(row) + 0.5, size = static_cast<double>(image.width);
  const auto x_of = [&](std::int64_t column) {
    return m[0] * (static_cast<double>(column) + 0.5) + m[1] * at_y + m[2];
  };
  // What lies beyond the picture is as far beyond it as need be.
  const auto offset =
      static_cast<std::int64_t>(std::clamp(std::floor(x_of(0) - 0.5), -size - kTaps, size)) -
      (kTaps / 2 - 1);
  const std::int64_t begin = std::clamp<std::int64_t>(-offset, 0, image.width);
  const std::int64_t end = std::max(begin, std::min(image.width, image.width - offset - kTaps + 1));
  const auto alone = [&](std::int64_t column) {
    const double x = x_of(column);
    if (x >= 0 && x < size)
      interpolate<kTaps>(image, x, at_y, out + 3 * column);
    else
      std::copy(fill.begin(), fill.end(), out + 3 * column);
  };
  for (std::int64_t column = 0; column < begin; ++column) alone(column);
  for (std::int64_t column = end; column < image.width; ++column) alone(column);
  bool even = true;
  for (std::int64_t column = begin; column < end; ++column) {
    const double x = x_of(column) - 0.5, before = std::floor(x);
    even = even && before == static_cast<double>(column + offset + (kTaps / 2 - 1));
    for (int c = 0; c < 3; ++c) t[static_cast<std::size_t>(3 * column + c)] = x - before;
  }
  if (!even) {
    for (std::int64_t column = begin; column < end; ++column) alone(column);
    return;
  }
  std::array<const std::uint8_t*, kTaps> taps;
  for (std::int64_t k = 0; k < kTaps; ++k)
    taps[static_cast<std::size_t>(k)] = image.row(row) + 3 * (begin + offset + k);
  interpolate_bytes(taps, t.data() + 3 * begin, out + 3 * begin, 3 * (end - begin));
}

/// A row where only y changes, and is the same for all columns.
template <int kTaps>
void lift_row(const Map& map, std::int64_t row, std::vector<double>& t, std::uint8_t* out) {
  const auto& [image, m, fill] = map;
  const double y = m[4] * (static_cast<double>(row) + 0.5) + m[5];
  if (!(y >= 0 && y < static_cast<double>(image.height))) {
    for (std::int64_t column = 0; column < image.width; ++column)
      std::copy(fill.begin(), fill.end(), out + 3 * column);
    return;
  }
  const Around<kTaps> rows(y, image.height);
  std::array<const std::uint8_t*, kTaps> taps;
  for (std::size_t k = 0; k < kTaps; ++k) taps[k] = image.row(rows.at[k]);
  std::fill(t.begin(), t.end(), rows.beyond);
  interpolate_bytes(taps, t.data(), out, 3 * image.width);
}

template <int kTaps>
void transform_rows(const Map& map, Moves moves, Image& out) {
  std::vector<double> t(static_cast<std::size_t>(3 * out.width));
  for (std::int64_t row = 0; row < out.height; ++row) {
    if (moves == Moves::across && map.m[0] == 1)
      shift_row<kTaps>(map, row, t, out.row(row));
    else if (moves == Moves::across)
      transform_row<kTaps, Moves::across>(map, row, out.row(row));
    else if (moves == Moves::down && map.m[3] == 0)
      lift_row<kTaps>(map, row, t, out.row(row));
    else if (moves == Moves::down)
      transform_row<kTaps, Moves::down>(map, row, out.row(row));
    else
      transform_row<kTaps, Moves::both>(map, row, out.row(row));
  }
}

void transform(const Image& image, const Affine& from, Filter filter, Moves moves,
               const Color& fill, Image& out) {
  const Map map{image, from, fill};
  if (filter == Filter::bilinear)
    transform_rows<2>(map, moves, out);
  else
    transform_rows<4>(map, moves, out);
}
