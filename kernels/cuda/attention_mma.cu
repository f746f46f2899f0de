#include <cfloat>

#include "kernels/cuda/device/attention_mma_products.cuh"
#include "kernels/cuda/runtime/attention_mma.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

struct Forward {
  AttentionShape n;
  const Bf16* qkv;
  Bf16* y;
  float* logsumexp;
};

/// Times 16 rows of queries a warp has: more share the loads of keys and values.
template <int kHead>
constexpr int kM = kHead <= 64 ? 2 : 1;
template <int kHead>
constexpr int kRows = kM<kHead>* kTileRows;
/// Queries, and two tiles each of keys and values.
template <int kHead>
constexpr int kSharedElements = (kM<kHead> + 4) * MmaTile<kHead>::kElements;

template <int kTimes>
using TileScores = Scores[kGroups][kTimes];

/// The softmax of rows g and g + 8, tile after tile: the largest score so far, in all lanes of the
/// row, and the lane's own part of the sum of 2^(scale (score - largest)).
struct RunningSoftmax {
  float largest[2] = {-FLT_MAX, -FLT_MAX};  // finite: no difference of two infinities
  float total[2] = {};

  /// Scores of 16 x kTileRows become weights, in the groups that are `on`. `factor`: what older
  /// terms are worth.
  template <int kTimes>
  __device__ void add(float scale, const bool (&on)[kGroups], int m, TileScores<kTimes>& s,
                      float (&factor)[2]) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float before = __fmul_rn(largest[r], scale);
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        if (!on[g]) continue;
#pragma unroll
        for (int i = 0; i < 4; ++i) largest[r] = fmaxf(largest[r], s[g][m][i / 2][2 * r + i % 2]);
      }
      largest[r] = max_of_quad(largest[r]);
      // Rounded as it is now in the weights and as it is `before` in the next tile: they agree.
      const float now = __fmul_rn(largest[r], scale);
      factor[r] = exp2_fast(before - now);
      total[r] *= factor[r];
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        if (!on[g]) continue;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          float& weight = s[g][m][i / 2][2 * r + i % 2];
          weight = exp2_fast(fmaf(weight, scale, -now));
          total[r] += weight;
        }
      }
    }
  }
};

/// -infinity where a key does not count; `kept` has the bits of the group.
template <int kTimes>
__device__ void leave_out(unsigned kept, Scores (&s)[kTimes]) {
#pragma unroll
  for (int j = 0; j < 2; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (!(kept >> (score_column(j) + i % 2) & 1))
#pragma unroll
        for (int m = 0; m < kTimes; ++m) s[m][j][i] = -INFINITY;
}

/// One tile of keys k and values v. kWhole: every key counts.
template <class Tile, int kTimes, bool kWhole>
__device__ void attend(float scale, std::uint64_t kept, const RowFactors<Tile> (&q)[kTimes],
                       const Bf16* k, const Bf16* v, RunningSoftmax (&softmax)[kTimes],
                       RowSums<Tile> (&sums)[kTimes]) {
  TileScores<kTimes> s;
  bool on[kGroups];  // a key of the group counts
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    on[g] = kWhole || group_of(kept, g);
    if (!on[g]) continue;
    dot_with_rows<Tile>(q, k + g * kGroup * Tile::kPitch, s[g]);
    if (!kWhole) leave_out(group_of(kept, g), s[g]);
  }
#pragma unroll
  for (int m = 0; m < kTimes; ++m) {
    float factor[2];
    softmax[m].add(scale, on, m, s, factor);
#pragma unroll
    for (int j = 0; j < Tile::kPacks; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[m][j][i] *= factor[i / 2];
  }
#pragma unroll
  for (int g = 0; g < kGroups; ++g)
    if (on[g]) add_weighted_rows<Tile>(s[g], v + g * kGroup * Tile::kPitch, sums);
}

/// Writes 16 rows, from query l on. The total is 0 where no key counts; NaN stays NaN.
template <class Tile>
__device__ void finish(const Forward& op, const MmaPlace& place, std::int64_t l, Bf16* stage,
                       const RunningSoftmax& softmax, const RowSums<Tile>& sums) {
  const AttentionShape& n = op.n;
  const int lane = lane_of_warp();
  float factor[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float total = sum_of_quad(softmax.total[r]);
    const std::int64_t row = l + lane / 4 + 8 * r;
    factor[r] = total == 0 ? 0.0f : 1 / total;
    if (lane % 4 == 0 && row < n.length)
      op.logsumexp[n.sum_at(place.b, row, place.h)] =
          total == 0 ? -INFINITY : softmax.largest[r] * n.scale + logf(total);
  }
  write_rows<Tile>(sums, factor, n.head, n.length - l, stage,
                   op.y + n.at(place.b, l, place.h, 0, 1), n.width);
}

/// A block has kRows queries of a head; tiles without a key that counts are passed over.
template <int kHead>
__global__ void __launch_bounds__(kMmaBlock, 2) attention_mma(Forward op) {
  using Tile = MmaTile<kHead>;
  constexpr int kTimes = kM<kHead>;
  Bf16* const queries = dynamic_shared<Bf16>();
  Bf16* const tiles = queries + kTimes * Tile::kElements;
  const AttentionShape& n = op.n;
  const MmaPlace place(n, kRows<kHead>);
  const std::int64_t b = place.b;
  const auto copy_keys = [&](const KeyTile& keys, int turn) {
    Bf16* const k = tiles + turn * 2 * Tile::kElements;
    copy_rows<Tile>(n, {op.qkv, b, keys.first, place.h, 1, 3}, keys.kept, k);
    copy_rows<Tile>(n, {op.qkv, b, keys.first, place.h, 2, 3}, keys.kept, k + Tile::kElements);
  };
#pragma unroll
  for (int m = 0; m < kTimes; ++m) {
    const std::int64_t l = place.first + m * kTileRows;
    copy_rows<Tile>(n, {op.qkv, b, l, place.h, 0, 3}, within(n, l), queries + m * Tile::kElements);
  }
  KeyTile keys = next_keys(n, b, 0);
  if (keys.kept) copy_keys(keys, 0);
  commit_copies();
  wait_copies<0>();
  __syncthreads();

  const int first_row = warp_of_block() * kTimes * kGroup;
  const bool idle = place.first + first_row >= n.length;
  RowFactors<Tile> q[kTimes];
  RowSums<Tile> sums[kTimes] = {};
  RunningSoftmax softmax[kTimes];
#pragma unroll
  for (int m = 0; m < kTimes; ++m)
    load_factors<Tile>(queries + (first_row + m * kGroup) * Tile::kPitch, q[m]);
  const float scale = n.scale * kLog2E;
  for (int turn = 0; keys.kept; turn ^= 1) {
    const KeyTile next = next_keys(n, b, keys.first + kTileRows);
    if (next.kept) copy_keys(next, turn ^ 1);
    commit_copies();
    const Bf16* const k = tiles + turn * 2 * Tile::kElements;
    if (!idle && keys.kept == ~std::uint64_t{0})
      attend<Tile, kTimes, true>(scale, keys.kept, q, k, k + Tile::kElements, softmax, sums);
    else if (!idle)
      attend<Tile, kTimes, false>(scale, keys.kept, q, k, k + Tile::kElements, softmax, sums);
    keys = next;
    wait_copies<0>();
    __syncthreads();  // the next tile is there, and this one's place free
  }
#pragma unroll
  for (int m = 0; m < kTimes; ++m) {
    const int row = first_row + m * kGroup;
    finish<Tile>(op, place, place.first + row, queries + row * Tile::kPitch, softmax[m], sums[m]);
  }
}

}  // namespace

bool takes_mma(const Attention& op) {
  const std::int64_t head = op.y->shape()[2] / op.heads;
  return op.y->dtype() == DType::bf16 && head % 16 == 0 && head <= kMostHead &&
         vectorizable<Bf16>(head, elements<Bf16>(*op.qkv), elements<Bf16>(*op.y));
}

void attention_by_mma(Context& ctx, const Attention& op) {
  const Forward forward{attention_shape(op.name, *op.y, op.heads, op.mask), elements<Bf16>(*op.qkv),
                        elements<Bf16>(*op.y), elements<float>(*op.logsumexp)};
  with_head(forward.n.head, [&](auto head) {
    constexpr int kHead = decltype(head)::value;
    launch(mma_launch(ctx, op.name, op.y->shape(), op.heads, kRows<kHead>, kSharedElements<kHead>),
           attention_mma<kHead>, forward);
  });
}

}  // namespace orchid::ops
