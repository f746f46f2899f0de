#include "kernels/cuda/device/attention_mma_products.cuh"
#include "kernels/cuda/runtime/attention_mma.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

struct Backward {
  AttentionShape n;
  const Bf16 *dy, *qkv, *y;
  const float* logsumexp;
  float* dot;  ///< (B, heads, L): dy y, of each query; the first kernel leaves it to the second
  Bf16* dqkv;
};

/// Own rows of two matrices, and two tiles of two on the other side; then, for keys, what queries
/// have as sums: two tiles of two floats.
template <int kHead>
constexpr int kSharedElements = 6 * MmaTile<kHead>::kElements;
constexpr int kSharedSums = 4 * kTileRows;

/// s becomes the weights, dp the gradient of the scores before the scale.
inline __device__ void weigh(float scale, float logsumexp, float dot, float& s, float& dp) {
  s = exp2_fast(fmaf(s, scale, -logsumexp) * kLog2E);
  dp = s * (dp - dot);
}

/// dy y of the warp's rows g and g + 8, from query l on, in all lanes of a row.
template <class Tile>
__device__ void dot_of_queries(const Backward& op, const MmaPlace& place, std::int64_t l,
                               const RowFactors<Tile>& dy, float (&dot)[2]) {
  const AttentionShape& n = op.n;
  const int lane = lane_of_warp();
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const std::int64_t row = l + lane / 4 + 8 * r;
    const Bf16* const y = op.y + n.at(place.b, row, place.h, 0, 1);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < Tile::kPacks; ++i) {
      const int c = 8 * i + 2 * (lane % 4);
      float of_y[2] = {}, of_dy[2];
      if (row < n.length && c < n.head)
        unpack_bf16(*reinterpret_cast<const unsigned*>(y + c), of_y[0], of_y[1]);
      unpack_bf16(dy[i / 2][i % 2 * 2 + r], of_dy[0], of_dy[1]);
      sum += of_y[0] * of_dy[0] + of_y[1] * of_dy[1];
    }
    dot[r] = sum_of_quad(sum);
    if (lane % 4 == 0 && row < n.length) op.dot[n.sum_at(place.b, row, place.h)] = dot[r];
  }
}

/// A block has kTileRows queries of a head and adds up dq over the keys.
template <int kHead>
__global__ void __launch_bounds__(kMmaBlock, kHead <= 64 ? 3 : 2)
    attention_mma_grad_q(Backward op) {
  using Tile = MmaTile<kHead>;
  Bf16* const queries = dynamic_shared<Bf16>();
  Bf16 *const grads = queries + Tile::kElements, *const tiles = grads + Tile::kElements;
  const AttentionShape& n = op.n;
  const MmaPlace place(n, kTileRows);
  const std::int64_t b = place.b, first = place.first;
  const auto copy_keys = [&](const KeyTile& keys, int turn) {
    Bf16* const k = tiles + turn * 2 * Tile::kElements;
    copy_rows<Tile>(n, {op.qkv, b, keys.first, place.h, 1, 3}, keys.kept, k);
    copy_rows<Tile>(n, {op.qkv, b, keys.first, place.h, 2, 3}, keys.kept, k + Tile::kElements);
  };
  copy_rows<Tile>(n, {op.qkv, b, first, place.h, 0, 3}, within(n, first), queries);
  copy_rows<Tile>(n, {op.dy, b, first, place.h, 0, 1}, within(n, first), grads);
  KeyTile keys = next_keys(n, b, 0);
  if (keys.kept) copy_keys(keys, 0);
  commit_copies();

  const int own = warp_of_block() * kGroup;
  const bool idle = first + own >= n.length;
  float logsumexp[2] = {}, dot[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const std::int64_t l = first + own + lane_of_warp() / 4 + 8 * r;
    if (l < n.length) logsumexp[r] = op.logsumexp[n.sum_at(b, l, place.h)];
  }
  wait_copies<0>();
  __syncthreads();
  RowFactors<Tile> q[1], dy[1];
  RowSums<Tile> dq[1] = {};
  load_factors<Tile>(queries + own * Tile::kPitch, q[0]);
  load_factors<Tile>(grads + own * Tile::kPitch, dy[0]);
  dot_of_queries<Tile>(op, place, first + own, dy[0], dot);
  for (int turn = 0; keys.kept; turn ^= 1) {
    const KeyTile next = next_keys(n, b, keys.first + kTileRows);
    if (next.kept) copy_keys(next, turn ^ 1);
    commit_copies();
#pragma unroll 1
    for (int g = 0; g < kGroups; ++g) {
      const unsigned kept = group_of(keys.kept, g);
      if (idle || kept == 0) continue;
      const Bf16* const k = tiles + turn * 2 * Tile::kElements + g * kGroup * Tile::kPitch;
      Scores s[1], dp[1];
      dot_with_rows<Tile>(q, k, s);
      dot_with_rows<Tile>(dy, k + Tile::kElements, dp);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        float& ds = dp[0][i / 4][i % 4];
        weigh(n.scale, logsumexp[i % 4 / 2], dot[i % 4 / 2], s[0][i / 4][i % 4], ds);
        if (!(kept >> (score_column(i / 4) + i % 2) & 1)) ds = 0;
      }
      add_weighted_rows<Tile>(dp, k, dq);
    }
    keys = next;
    wait_copies<0>();
    __syncthreads();  // the next tile is there, and this one's place free
  }
  const float factor[2] = {n.scale, n.scale};
  write_rows<Tile>(dq[0], factor, n.head, n.length - first - own, queries + own * Tile::kPitch,
                   op.dqkv + n.at(b, first + own, place.h, 0, 3), 3 * n.width);
}

/// Copies a tile of queries and what they have as sums, 0 beyond the length.
template <class Tile>
__device__ void copy_queries(const Backward& op, const MmaPlace& place, std::int64_t first, Bf16* q,
                             float* sums) {
  const AttentionShape& n = op.n;
  const std::uint64_t rows = within(n, first);
  copy_rows<Tile>(n, {op.qkv, place.b, first, place.h, 0, 3}, rows, q);
  copy_rows<Tile>(n, {op.dy, place.b, first, place.h, 0, 1}, rows, q + Tile::kElements);
  const int t = static_cast<int>(threadIdx.x), row = t % kTileRows;  // both sums of each row
  const float* const from = t < kTileRows ? op.logsumexp : op.dot;
  static_assert(kMmaBlock == 2 * kTileRows);
  if (rows >> row & 1)
    copy_async<4>(sums + t, from + n.sum_at(place.b, first + row, place.h));
  else
    sums[t] = 0;
}

/// A block has kTileRows keys of a head and adds up dk and dv over the queries. Those of a key that
/// does not count are some number, or none, until they are written as 0.
template <int kHead>
__global__ void __launch_bounds__(kMmaBlock, kHead <= 64 ? 3 : 2)
    attention_mma_grad_kv(Backward op) {
  using Tile = MmaTile<kHead>;
  Bf16* const keys = dynamic_shared<Bf16>();
  Bf16 *const values = keys + Tile::kElements, *const tiles = values + Tile::kElements;
  float* const sums = reinterpret_cast<float*>(tiles + 4 * Tile::kElements);
  const AttentionShape& n = op.n;
  const MmaPlace place(n, kTileRows);
  const std::int64_t b = place.b, first = place.first;
  const std::uint64_t kept = counting(n, b, first);
  copy_rows<Tile>(n, {op.qkv, b, first, place.h, 1, 3}, kept, keys);
  copy_rows<Tile>(n, {op.qkv, b, first, place.h, 2, 3}, kept, values);
  if (kept) copy_queries<Tile>(op, place, 0, tiles, sums);
  commit_copies();
  wait_copies<0>();
  __syncthreads();

  const int own = warp_of_block() * kGroup;
  const unsigned kept_of_warp = static_cast<unsigned>(kept >> own) & 0xffffu;
  RowFactors<Tile> k[1], v[1];
  RowSums<Tile> dk[1] = {}, dv[1] = {};
  load_factors<Tile>(keys + own * Tile::kPitch, k[0]);
  constexpr bool kKeepValues = kHead <= 64;  // registers allow no more
  if constexpr (kKeepValues) load_factors<Tile>(values + own * Tile::kPitch, v[0]);
  int turn = 0;
  for (std::int64_t query = 0; kept && query < n.length; query += kTileRows, turn ^= 1) {
    const std::int64_t next = query + kTileRows;
    if (next < n.length)
      copy_queries<Tile>(op, place, next, tiles + (turn ^ 1) * 2 * Tile::kElements,
                         sums + (turn ^ 1) * 2 * kTileRows);
    commit_copies();
#pragma unroll 1
    for (int g = 0; g < kGroups; ++g) {
      if (kept_of_warp == 0 || query + g * kGroup >= n.length) break;
      const Bf16* const q = tiles + turn * 2 * Tile::kElements + g * kGroup * Tile::kPitch;
      const float* const logsumexp = sums + turn * 2 * kTileRows + g * kGroup;
      Scores s[1], dp[1];
      dot_with_rows<Tile>(k, q, s);
      if constexpr (kKeepValues)
        dot_with_rows<Tile>(v, q + Tile::kElements, dp);
      else
        dot_of_rows<Tile>(values + own * Tile::kPitch, q + Tile::kElements, dp[0]);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int column = score_column(i / 4) + i % 2;
        weigh(n.scale, logsumexp[column], logsumexp[kTileRows + column], s[0][i / 4][i % 4],
              dp[0][i / 4][i % 4]);
      }
      add_weighted_rows<Tile>(s, q + Tile::kElements, dv);
      add_weighted_rows<Tile>(dp, q, dk);
    }
    wait_copies<0>();
    __syncthreads();  // the next tile is there, and this one's place free
  }
  float for_keys[2], for_values[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const bool counts = kept_of_warp >> (lane_of_warp() / 4 + 8 * r) & 1;
    for_keys[r] = counts ? n.scale : 0.0f;
    for_values[r] = counts ? 1.0f : 0.0f;
  }
  const std::int64_t rows = n.length - first - own;
  write_rows<Tile>(dk[0], for_keys, n.head, rows, keys + own * Tile::kPitch,
                   op.dqkv + n.at(b, first + own, place.h, 1, 3), 3 * n.width);
  write_rows<Tile>(dv[0], for_values, n.head, rows, values + own * Tile::kPitch,
                   op.dqkv + n.at(b, first + own, place.h, 2, 3), 3 * n.width);
}

}  // namespace

bool takes_mma(const AttentionGrad& op) {
  const std::int64_t head = op.y->shape()[2] / op.heads;
  return op.y->dtype() == DType::bf16 && head % 16 == 0 && head <= kMostHead &&
         vectorizable<Bf16>(head, elements<Bf16>(*op.dy), elements<Bf16>(*op.qkv),
                            elements<Bf16>(*op.y), elements<Bf16>(*op.dqkv));
}

void attention_grad_by_mma(Context& ctx, const AttentionGrad& op) {
  Tensor dot = ctx.empty(op.logsumexp->shape(), DType::f32);
  const Backward backward{.n = attention_shape(op.name, *op.y, op.heads, op.mask),
                          .dy = elements<Bf16>(*op.dy),
                          .qkv = elements<Bf16>(*op.qkv),
                          .y = elements<Bf16>(*op.y),
                          .logsumexp = elements<float>(*op.logsumexp),
                          .dot = elements<float>(dot),
                          .dqkv = elements<Bf16>(*op.dqkv)};
  const auto config = [&](int shared_elements, int shared_sums) {
    LaunchConfig made =
        mma_launch(ctx, op.name, op.y->shape(), op.heads, kTileRows, shared_elements);
    made.shared += static_cast<std::size_t>(shared_sums) * sizeof(float);
    return made;
  };
  with_head(backward.n.head, [&](auto head) {
    constexpr int kHead = decltype(head)::value;
    launch(config(kSharedElements<kHead>, 0), attention_mma_grad_q<kHead>, backward);
    launch(config(kSharedElements<kHead>, kSharedSums), attention_mma_grad_kv<kHead>, backward);
  });
}

}  // namespace orchid::ops
