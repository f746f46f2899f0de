#pragma once

#include "kernels/cuda/device/async_copy.cuh"
#include "kernels/cuda/device/bin_rows.cuh"
#include "kernels/cuda/device/tensor_core.cuh"
#include "kernels/ops/transform.h"

/// Convolutions of bf16 by cosine transforms with all that lies between them in the shared memory
/// of a block: it has one sample's signals, kTileChannels of them at a time. Cosines of even
/// frequencies are symmetric along positions, those of odd ones antisymmetric, so half as many
/// positions do: with m < (N + 1) / 2 and n = N - 1 - m its mirror,
///   X_2i     = sum over m of C(2i, m) (x_m + x_n)         side 0
///   X_2i+1   = sum over m of C(2i + 1, m) (x_m - x_n)     side 1
/// and back y_m = even + odd, y_n = even - odd, with even and odd the sums over i of each side.
namespace orchid::cuda {

using Bf16 = __nv_bfloat16;

inline constexpr int kTileChannels = 32, kStripe = 16;  ///< channels of a block, rows of a warp
inline constexpr int kTileRowPitch = kTileChannels + 8;
inline constexpr int kMostTileThreads = ops::kFusedLength / 2 / kStripe * kWarp;
/// A lane has 4 rows by 4 channels of a signal, and as many mirrored ones.
inline constexpr int kLaneRun = 4;
/// Packs of 4 neighbouring channels that a thread has of the bins of a side: two rows, two packs.
inline constexpr int kSidePacks = 4;
using SideSums = float[kTileChannels / 8][4];
/// Rows of zeros before a signal in shared memory, which a short convolution and lanes at its end
/// read, and behind it.
inline constexpr int kRowsBefore = 2 * (kLaneRun - 1), kRowsBehind = kLaneRun - 1;
/// A short convolution in shared memory: rows of weights, the last tap first, and of biases.
inline constexpr int kTapRows = kMostShortTaps + 1, kTapElements = kTapRows * kTileChannels;
static_assert(kMostShortTaps <= kLaneRun);

/// Shared memory holds the matrix, the tile (2 sides each), three short convolutions, signals as
/// they are in memory, and a float4 of each thread for each of its packs. Rows lie an odd number of
/// 16-byte packs apart: no bank conflicts.
struct CosineTiles {
  int length;  ///< N
  int rows;    ///< of a side, with zeros up to a multiple of kStripe
  int channels;

  explicit CosineTiles(const Shape& signal)
      : length(static_cast<int>(signal[1])),
        rows(((length + 1) / 2 + kStripe - 1) / kStripe * kStripe),
        channels(static_cast<int>(signal[2])) {}

  __host__ __device__ int pitch() const { return rows + 8; }
  __host__ __device__ int threads() const { return rows / kStripe * kWarp; }
  __host__ __device__ int matrix_elements() const { return 2 * rows * pitch(); }
  __host__ __device__ int side_elements() const { return rows * kTileRowPitch; }
  __host__ __device__ int signal_elements() const {
    return (kRowsBefore + length + kRowsBehind) * kTileRowPitch;
  }
  std::size_t shared(int signals) const {
    return static_cast<std::size_t>(matrix_elements() + 2 * side_elements() +
                                    signals * signal_elements()) *
               sizeof(Bf16) +
           3 * kTapElements * sizeof(float) +
           static_cast<std::size_t>(2 * kSidePacks * threads()) * sizeof(float4);
  }
  /// Whether blocks of the current device have so much.
  bool fits(const char* name, int signals) const {
    int device = 0, most = 0;
    check(cudaGetDevice(&device), name, "asking for the device");
    check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), name,
          "asking for the shared memory of blocks");
    return shared(signals) <= static_cast<std::size_t>(most);
  }
  int tiles() const { return (channels + kTileChannels - 1) / kTileChannels; }
  /// About 1024 blocks: the last matter little, and so does what each does once.
  BatchParts parts(std::int64_t samples) const { return BatchParts(samples, 2 * tiles(), samples); }
  LaunchConfig config(const Context& ctx, const char* name, const BatchParts& p,
                      int signals) const {
    return {.grid = dim3(static_cast<unsigned>(tiles()), static_cast<unsigned>(p.parts)),
            .block = static_cast<unsigned>(threads()),
            .shared = shared(signals),
            .stream = stream_of(ctx),
            .name = name};
  }
  /// Positions, or frequencies, of a side.
  __device__ int count(int side) const { return (length + 1 - side) / 2; }
};

/// Where a thread is: its warp has 16 rows of both sides, in signals as in bins.
struct TilePlace {
  int lane, row, channel;

  __device__ TilePlace()
      : lane(static_cast<int>(threadIdx.x) % kWarp),
        row(static_cast<int>(threadIdx.x) / kWarp * kStripe),
        channel(static_cast<int>(blockIdx.x) * kTileChannels) {}
};

/// Starts copies of the matrix (2, rows, rows).
inline __device__ void copy_cosines(const CosineTiles& s, const Bf16* from, Bf16* to) {
  const int packs = s.rows / 8;
  for (int i = static_cast<int>(threadIdx.x); i < 2 * s.rows * packs; i += s.threads())
    copy_async<16>(to + i / packs * s.pitch() + i % packs * 8, from + i * 8);
}

/// Adds to this warp's 16 rows of a side the product of its cosines, transposed or not, and its
/// rows of `tile`.
template <bool kTransposed>
__device__ void multiply_cosines(const CosineTiles& s, const TilePlace& at, int side,
                                 const Bf16* matrix, const Bf16* tile, SideSums& sums) {
  const int lane = at.lane, pitch = s.pitch();
  const Bf16* left = matrix + side * s.rows * pitch +
                     (kTransposed ? (lane % 8 + lane / 16 * 8) * pitch + at.row + lane / 8 % 2 * 8
                                  : (at.row + lane % 16) * pitch + lane / 16 * 8);
  const Bf16* right = tile + side * s.side_elements() + lane % 16 * kTileRowPitch + lane / 16 * 8;
#pragma unroll 2
  for (int k = 0; k < s.rows; k += 16) {
    unsigned a[4], b[4];
    load_matrices<kTransposed>(left, a);
#pragma unroll
    for (int c = 0; c < kTileChannels / 16; ++c) {
      load_matrices<true>(right + c * 16, b);
      multiply_add(sums[2 * c], a, b[0], b[1]);
      multiply_add(sums[2 * c + 1], a, b[2], b[3]);
    }
    left += kTransposed ? 16 * pitch : 16;
    right += 16 * kTileRowPitch;
  }
}

}  // namespace orchid::cuda
