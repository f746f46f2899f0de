#pragma once

#include <type_traits>

#include "kernels/cuda/device/vector.cuh"

/// Attention on the float units: tiles of scores (kRows, kColumns) of one head, whose factors lie
/// in shared memory as float32. The threads of a block are 16 x 16; thread (ty, tx) has rows ty *
/// kM + i and columns j * 16 + tx of the scores, and the same rows of a sum over columns, in
/// channels of which it has kPacks packs of kPack. What a row needs of its sums is in 16 lanes of
/// one warp. What goes over the tensor cores instead is in device/attention_mma.cuh.
namespace orchid::cuda {

inline constexpr int kAttentionSide = 16, kAttentionBlock = kAttentionSide * kAttentionSide;
/// Most channels of a head.
inline constexpr int kMostHead = 128;

/// Rows of kHead floats, of which a head may fill fewer; the others are zeros. Rows begin 4 banks
/// apart, so that 16-byte accesses of consecutive rows do not conflict.
template <int kHeadSize, int kColumnCount>
struct AttentionTile {
  static constexpr int kHead = kHeadSize, kColumns = kColumnCount;
  static constexpr int kM = kHead <= 64 ? 4 : 2, kN = kColumns / kAttentionSide;
  static constexpr int kRows = kM * kAttentionSide;
  static constexpr int kPitch = kHead + 4, kScorePitch = kColumns + 4;
  static constexpr int kChannels = kHead / kAttentionSide;  ///< of a thread
  static constexpr int kPack = kChannels < 4 ? kChannels : 4, kPacks = kChannels / kPack;
  static constexpr int kRowFloats = kRows * kPitch, kColumnFloats = kColumns * kPitch;
  static constexpr int kScoreFloats = kRows * kScorePitch;
};

struct AttentionShape {
  std::int64_t length, width;
  int heads, head;  ///< channels of a head
  float scale;      ///< 1 / sqrt(head)
  const std::uint8_t* mask;

  /// Of channel 0 of head h at position l of sample b: in (B, L, parts * D), and of its sums.
  __device__ std::int64_t at(std::int64_t b, std::int64_t l, int h, int part, int parts) const {
    return ((b * length + l) * parts + part) * width + static_cast<std::int64_t>(h) * head;
  }
  __device__ std::int64_t sum_at(std::int64_t b, std::int64_t l, int h) const {
    return (b * heads + h) * length + l;
  }
  __device__ bool counts(std::int64_t b, std::int64_t l) const {
    return l < length && (!mask || mask[b * length + l] != 0);
  }
};

/// The thread's place in its tile, and the block's head and first row.
template <class Tile>
struct AttentionPlace {
  int tx, ty, h;
  std::int64_t b, first;

  __device__ explicit AttentionPlace(const AttentionShape& n)
      : tx(static_cast<int>(threadIdx.x) % kAttentionSide),
        ty(static_cast<int>(threadIdx.x) / kAttentionSide) {
    const std::int64_t blocks = (n.length + Tile::kRows - 1) / Tile::kRows;
    const std::int64_t part = blockIdx.x / blocks;
    b = part / n.heads;
    h = static_cast<int>(part % n.heads);
    first = blockIdx.x % blocks * Tile::kRows;
  }
  __device__ int row(int i) const { return ty * Tile::kM + i; }
  __device__ int column(int j) const { return j * kAttentionSide + tx; }
  __device__ int channel(int pack) const { return (pack * kAttentionSide + tx) * Tile::kPack; }
};

inline AttentionShape attention_shape(const char* name, const Tensor& y, std::int64_t heads,
                                      const OptionalIn& mask) {
  const std::int64_t head = y.shape()[2] / heads;
  ORCHID_CHECK(head <= kMostHead, name, ": heads: expected at most ", kMostHead,
               " channels a head on a GPU, got ", head, " (D = ", y.shape()[2], ", ", heads,
               " heads); take more heads");
  return {.length = y.shape()[1],
          .width = y.shape()[2],
          .heads = static_cast<int>(heads),
          .head = static_cast<int>(head),
          .scale = 1 / sqrtf(static_cast<float>(head)),
          .mask = mask.defined() ? elements<std::uint8_t>(*mask) : nullptr};
}

/// Calls body(kHead, V), integral constants: the least size that kernels are made for that holds
/// the head, and the width of accesses that `vectors` (of whole heads, at aligned addresses) allow.
template <class T, class Body>
void with_attention_kernel(int head, bool vectors, const Body& body) {
  using std::integral_constant;
  const auto choose = [&](auto size) {
    if (vectors) return body(size, integral_constant<int, kLanes<T>>{});
    body(size, integral_constant<int, 1>{});
  };
  if (head <= 32) return choose(integral_constant<int, 32>{});
  if (head <= 64) return choose(integral_constant<int, 64>{});
  choose(integral_constant<int, kMostHead>{});
}

/// A block for every kRows rows of every head.
template <class Tile>
LaunchConfig attention_launch(Context& ctx, const char* name, const Shape& y, std::int64_t heads,
                              int shared_floats) {
  const std::int64_t blocks = y[0] * heads * ((y[1] + Tile::kRows - 1) / Tile::kRows);
  ORCHID_CHECK(blocks <= INT32_MAX, name, ": expected at most ", INT32_MAX, " blocks of rows, got ",
               blocks);
  return {.grid = static_cast<unsigned>(blocks),
          .block = kAttentionBlock,
          .shared = static_cast<std::size_t>(shared_floats) * sizeof(float),
          .stream = stream_of(ctx),
          .name = name};
}

}  // namespace orchid::cuda
