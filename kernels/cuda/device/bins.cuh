#pragma once

#include "kernels/cuda/device/transpose_tile.cuh"

namespace orchid::cuda {

/// Bins f = 0 .. N/2 of D real signals, as the Fourier transform has them, (B, D, N/2 + 1), and as
/// the ops do, (B, F, C). There each is two numbers, first + i second:
///   Fourier  real and imaginary part, in channels d and D + d of row f
///   cosine   of the bin turned by exp(-pi i f / 2N): coefficients f and, but for the sign, N - f,
///            in rows f and N - f
/// Edge bins, f = 0 and 2f = N, have the first alone.
struct BinShape {
  std::int64_t length;    ///< N
  std::int64_t channels;  ///< D
  bool cosine;

  __host__ __device__ std::int64_t bins() const { return length / 2 + 1; }
  /// F and C of the ops.
  __host__ __device__ std::int64_t rows() const { return cosine ? length : bins(); }
  __host__ __device__ std::int64_t row_width() const { return cosine ? channels : 2 * channels; }

  __device__ bool edge(std::int64_t f) const { return f == 0 || 2 * f == length; }
  /// Offsets in one sample whose rows have `width` channels.
  __device__ std::int64_t first(std::int64_t f, std::int64_t d, std::int64_t width) const {
    return f * width + d;
  }
  __device__ std::int64_t second(std::int64_t f, std::int64_t d, std::int64_t width) const {
    return cosine ? (length - f) * width + d : f * width + channels + d;
  }
  /// False for Fourier spectra without phase, whose rows have D channels.
  __device__ bool has_second(std::int64_t f, std::int64_t width) const {
    return !edge(f) && (cosine || width > channels);
  }
  /// exp(pi i f / 2N)
  __device__ float2 turn(std::int64_t f) const {
    float2 turn;
    sincospif(static_cast<float>(f) / static_cast<float>(2 * length), &turn.y, &turn.x);
    return turn;
  }
};

/// The two numbers of bin f; 0 for the second where there is none.
inline __device__ float2 read_bin(const BinShape& s, const float* sample, std::int64_t f,
                                  std::int64_t d, std::int64_t width) {
  return {sample[s.first(f, d, width)],
          s.has_second(f, width) ? sample[s.second(f, d, width)] : 0.0f};
}

/// Writes them, and the imaginary part 0 of edge bins where there is one.
inline __device__ void write_bin(const BinShape& s, float* sample, std::int64_t f, std::int64_t d,
                                 std::int64_t width, float2 bin) {
  sample[s.first(f, d, width)] = bin.x;
  if (s.has_second(f, width)) {
    sample[s.second(f, d, width)] = bin.y;
  } else if (width > s.channels) {
    sample[s.second(f, d, width)] = 0;
  }
}

/// Adds to them; the imaginary part of edge bins stays as it is.
inline __device__ void add_bin(const BinShape& s, float* sample, std::int64_t f, std::int64_t d,
                               std::int64_t width, float2 bin) {
  sample[s.first(f, d, width)] += bin.x;
  if (s.has_second(f, width)) sample[s.second(f, d, width)] += bin.y;
}

/// a b and a conj(b).
inline __device__ float2 multiplied(float2 a, float2 b) {
  return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x};
}
inline __device__ float2 multiplied_conj(float2 a, float2 b) {
  return {a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y};
}

}  // namespace orchid::cuda
