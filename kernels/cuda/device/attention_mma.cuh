#pragma once

#include "kernels/cuda/device/async_copy.cuh"
#include "kernels/cuda/device/attention_tiles.cuh"

/// Attention of bf16 on the tensor cores: tiles of rows in shared memory as they are, products of
/// 16 rows a warp. A block has 4 warps, each with rows of its own; what it goes through on the
/// other side comes in tiles of kTileRows, copied while the tile before is in use.
namespace orchid::cuda {

inline constexpr int kMmaWarps = 4, kMmaBlock = kMmaWarps * kWarp;
inline constexpr int kTileRows = 64, kGroup = 16, kGroups = kTileRows / kGroup;
inline constexpr float kLog2E = 1.44269504f;

/// Rows of kHead channels, of which a head may fill fewer; the others are zeros. Rows begin an odd
/// number of 16-byte packs apart: loads of matrices have no bank conflicts.
template <int kHeadSize>
struct MmaTile {
  static constexpr int kHead = kHeadSize, kSteps = kHead / 16, kPacks = kHead / 8;
  static constexpr int kPitch = kHead + 8, kElements = kTileRows * kPitch;
};

using Bf16 = __nv_bfloat16;

inline __device__ int lane_of_warp() {
  return static_cast<int>(threadIdx.x) % kWarp;
}
inline __device__ int warp_of_block() {
  return static_cast<int>(threadIdx.x) / kWarp;
}

/// The block's head and first row, with kRows rows a block.
struct MmaPlace {
  std::int64_t b, first;
  int h;

  __device__ MmaPlace(const AttentionShape& n, int rows) {
    const auto blocks = static_cast<unsigned>((n.length + rows - 1) / rows);  // fewer than 2^31
    const auto heads = static_cast<unsigned>(n.heads);
    const unsigned part = blockIdx.x / blocks;
    b = part / heads;
    h = static_cast<int>(part % heads);
    first = static_cast<std::int64_t>(blockIdx.x % blocks) * rows;
  }
};

/// Which of the kTileRows positions from `first` on count, a bit each, the same in every lane.
inline __device__ std::uint64_t counting(const AttentionShape& n, std::int64_t b,
                                         std::int64_t first) {
  const std::int64_t l = first + lane_of_warp();
  const unsigned low = __ballot_sync(0xffffffffu, n.counts(b, l));
  const unsigned high = __ballot_sync(0xffffffffu, n.counts(b, l + kWarp));
  return static_cast<std::uint64_t>(high) << kWarp | low;
}
/// Which of them are within the length.
inline __device__ std::uint64_t within(const AttentionShape& n, std::int64_t first) {
  const std::int64_t rest = n.length - first;
  return rest >= kTileRows ? ~std::uint64_t{0} : rest > 0 ? (std::uint64_t{1} << rest) - 1 : 0;
}
inline __device__ unsigned group_of(std::uint64_t rows, int group) {
  return static_cast<unsigned>(rows >> (group * kGroup)) & 0xffffu;
}

/// Keys from `first` on, and which of them count; none: there is no such tile.
struct KeyTile {
  std::int64_t first;
  std::uint64_t kept;
};
inline __device__ KeyTile next_keys(const AttentionShape& n, std::int64_t b, std::int64_t first) {
  for (; first < n.length; first += kTileRows)
    if (const std::uint64_t kept = counting(n, b, first)) return {first, kept};
  return {first, 0};
}

/// Starts copies of the tile's rows whose bit is set; the others become zeros.
template <class Tile>
__device__ void copy_rows(const AttentionShape& n, const AttentionRows<Bf16>& rows,
                          std::uint64_t kept, Bf16* to) {
  constexpr int kStep = kMmaBlock / Tile::kPacks;  // rows that the block copies at a time
  const int row = static_cast<int>(threadIdx.x) / Tile::kPacks;
  const int c = static_cast<int>(threadIdx.x) % Tile::kPacks * 8;
  const std::int64_t stride = rows.parts * n.width;
  const Bf16* from =
      rows.data + n.at(rows.b, rows.first, rows.h, rows.part, rows.parts) + row * stride + c;
  to += row * Tile::kPitch + c;
  kept = c < n.head ? kept >> row : 0;
#pragma unroll 4
  for (int i = 0; i < kTileRows; i += kStep) {
    copy_async_or_zero(to + i * Tile::kPitch, from, kept >> i & 1);
    from += kStep * stride;
  }
}

/// Calls body(kHead), an integral constant: the least that kernels are made for that holds the
/// head.
template <class Body>
void with_head(int head, const Body& body) {
  if (head <= 32) return body(std::integral_constant<int, 32>{});
  if (head <= 64) return body(std::integral_constant<int, 64>{});
  body(std::integral_constant<int, kMostHead>{});
}

/// A block for every `rows` rows of every head.
inline LaunchConfig mma_launch(Context& ctx, const char* name, const Shape& y, std::int64_t heads,
                               int rows, int shared_elements) {
  const std::int64_t blocks = y[0] * heads * ((y[1] + rows - 1) / rows);
  ORCHID_CHECK(blocks <= INT32_MAX, name, ": expected at most ", INT32_MAX, " blocks of rows, got ",
               blocks);
  return {.grid = static_cast<unsigned>(blocks),
          .block = kMmaBlock,
          .shared = static_cast<std::size_t>(shared_elements) * sizeof(Bf16),
          .stream = stream_of(ctx),
          .name = name};
}

}  // namespace orchid::cuda
