#include "kernels/cuda/device/attention_tiles.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/runtime/attention_mma.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// Rows of a tile are what the kernel has the gradient of; its columns the other side.
constexpr int kColumns = 32, kDotBlock = 256;
template <int kHead>
using GradTile = AttentionTile<kHead, kColumns>;

template <class T>
struct Backward {
  AttentionShape n;
  const T *dy, *qkv, *y;
  const float* logsumexp;
  float* dot;  ///< (B, heads, L): dy y, of each query
  T* dqkv;
};

/// A warp a query and head, in the order of rows of y.
template <class T>
__global__ void __launch_bounds__(kDotBlock) attention_dot(Backward<T> op, std::int64_t count) {
  const AttentionShape& n = op.n;
  const std::int64_t item = grid_thread() / kWarp;
  if (item >= count) return;  // a whole warp
  const std::int64_t row = item / n.heads;
  const int h = static_cast<int>(item % n.heads), lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t at = n.at(0, row, h, 0, 1);
  float sum = 0;
  for (int c = lane; c < n.head; c += kWarp)
    sum += to_float(op.dy[at + c]) * to_float(op.y[at + c]);
  sum = warp_sum(sum);
  if (lane == 0) op.dot[n.sum_at(row / n.length, row % n.length, h)] = sum;
}

/// A block has kRows queries of a head and adds up dq over the keys.
template <class T, int V, int kHead>
__global__ void __launch_bounds__(kAttentionBlock, 2) attention_grad_q(Backward<T> op) {
  using Tile = GradTile<kHead>;
  float* const q = dynamic_shared<float>();
  float *const dy = q + Tile::kRowFloats, *const k = dy + Tile::kRowFloats;
  float *const v = k + Tile::kColumnFloats, *const ds = v + Tile::kColumnFloats;
  const AttentionShape& n = op.n;
  const AttentionPlace<Tile> place(n);
  const std::int64_t b = place.b, first = place.first;
  load_rows<Tile, Tile::kRows, V>(n, AttentionRows<T>{op.qkv, b, first, place.h, 0, 3}, n.scale,
                                  false, q);
  load_rows<Tile, Tile::kRows, V>(n, AttentionRows<T>{op.dy, b, first, place.h, 0, 1}, 1.0f, false,
                                  dy);
  float logsumexp[Tile::kM] = {}, dot[Tile::kM] = {};
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) {
    const std::int64_t l = first + place.row(i);
    if (l >= n.length) continue;
    logsumexp[i] = op.logsumexp[n.sum_at(b, l, place.h)];
    dot[i] = op.dot[n.sum_at(b, l, place.h)];
  }
  AttentionSums<Tile> sums = {};
  for (std::int64_t key = 0; key < n.length; key += kColumns) {
    const int lane = static_cast<int>(threadIdx.x);
    // A barrier as well: no thread still reads the tiles of the step before.
    if (!__syncthreads_or(lane < kColumns && n.counts(b, key + lane))) continue;
    load_rows<Tile, kColumns, V>(n, AttentionRows<T>{op.qkv, b, key, place.h, 1, 3}, 1.0f, true, k);
    load_rows<Tile, kColumns, V>(n, AttentionRows<T>{op.qkv, b, key, place.h, 2, 3}, 1.0f, true, v);
    __syncthreads();
    float s[Tile::kM][Tile::kN], dp[Tile::kM][Tile::kN];
    dot_rows(place, q, k, n.head, s);
    dot_rows(place, dy, v, n.head, dp);
#pragma unroll
    for (int j = 0; j < Tile::kN; ++j) {
      const bool kept = n.counts(b, key + place.column(j));
#pragma unroll
      for (int i = 0; i < Tile::kM; ++i)
        ds[place.row(i) * Tile::kScorePitch + place.column(j)] =
            kept ? expf(s[i][j] - logsumexp[i]) * (dp[i][j] - dot[i]) : 0.0f;
    }
    __syncwarp();
    add_rows(place, ds, k, sums);
  }
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) {
    const std::int64_t l = first + place.row(i);
    if (l < n.length)
      store_row<Tile, V>(place, n.head, n.scale, sums[i], op.dqkv + n.at(b, l, place.h, 0, 3));
  }
}

/// The weights of a tile (keys, queries) and ds, to shared memory.
template <class Tile>
__device__ void store_scores(const AttentionPlace<Tile>& place, const bool (&kept)[Tile::kM],
                             const float (&s)[Tile::kM][Tile::kN],
                             const float (&dp)[Tile::kM][Tile::kN], const float* logsumexp,
                             const float* dot, float* weights, float* ds) {
#pragma unroll
  for (int j = 0; j < Tile::kN; ++j) {
    const float log_sum = logsumexp[place.column(j)], mean = dot[place.column(j)];
#pragma unroll
    for (int i = 0; i < Tile::kM; ++i) {
      const int at = place.row(i) * Tile::kScorePitch + place.column(j);
      const float p = kept[i] ? expf(s[i][j] - log_sum) : 0.0f;
      weights[at] = p;
      ds[at] = p * (dp[i][j] - mean);
    }
  }
}

/// A block has kRows keys of a head and adds up dk and dv over the queries. Where no key counts,
/// the sums stay 0, and there may be no finite logsumexp.
template <class T, int V, int kHead>
__global__ void __launch_bounds__(kAttentionBlock, 2) attention_grad_kv(Backward<T> op) {
  using Tile = GradTile<kHead>;
  ORCHID_SHARED(float, logsumexp, [kColumns]);
  ORCHID_SHARED(float, dot, [kColumns]);
  float* const k = dynamic_shared<float>();
  float *const v = k + Tile::kRowFloats, *const q = v + Tile::kRowFloats;
  float *const dy = q + Tile::kColumnFloats, *const weights = dy + Tile::kColumnFloats;
  float* const ds = weights + Tile::kScoreFloats;
  const AttentionShape& n = op.n;
  const AttentionPlace<Tile> place(n);
  const std::int64_t b = place.b, first = place.first;
  const int lane = static_cast<int>(threadIdx.x);
  load_rows<Tile, Tile::kRows, V>(n, AttentionRows<T>{op.qkv, b, first, place.h, 1, 3}, 1.0f, true,
                                  k);
  load_rows<Tile, Tile::kRows, V>(n, AttentionRows<T>{op.qkv, b, first, place.h, 2, 3}, 1.0f, true,
                                  v);
  bool kept[Tile::kM];
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) kept[i] = n.counts(b, first + place.row(i));
  AttentionSums<Tile> dk = {}, dv = {};
  const bool any = __syncthreads_or(lane < Tile::kRows && n.counts(b, first + lane)) != 0;
  for (std::int64_t query = 0; any && query < n.length; query += kColumns) {
    load_rows<Tile, kColumns, V>(n, AttentionRows<T>{op.qkv, b, query, place.h, 0, 3}, n.scale,
                                 false, q);
    load_rows<Tile, kColumns, V>(n, AttentionRows<T>{op.dy, b, query, place.h, 0, 1}, 1.0f, false,
                                 dy);
    if (lane < kColumns) {
      const std::int64_t at = n.sum_at(b, query + lane, place.h);
      logsumexp[lane] = query + lane < n.length ? op.logsumexp[at] : 0.0f;
      dot[lane] = query + lane < n.length ? op.dot[at] : 0.0f;
    }
    __syncthreads();
    float s[Tile::kM][Tile::kN], dp[Tile::kM][Tile::kN];
    dot_rows(place, k, q, n.head, s);
    dot_rows(place, v, dy, n.head, dp);
    store_scores(place, kept, s, dp, logsumexp, dot, weights, ds);
    __syncwarp();
    add_rows(place, weights, dy, dv);
    add_rows(place, ds, q, dk);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) {
    const std::int64_t l = first + place.row(i);
    if (l >= n.length) continue;
    store_row<Tile, V>(place, n.head, 1.0f, dk[i], op.dqkv + n.at(b, l, place.h, 1, 3));
    store_row<Tile, V>(place, n.head, 1.0f, dv[i], op.dqkv + n.at(b, l, place.h, 2, 3));
  }
}

template <class T, int V, int kHead>
void launch_gradients(Context& ctx, const char* name, const Shape& y, const Backward<T>& op) {
  using Tile = GradTile<kHead>;
  const std::int64_t rows = y[0] * y[1] * op.n.heads;
  launch({.grid = blocks_for(rows, kDotBlock / kWarp),
          .block = kDotBlock,
          .stream = stream_of(ctx),
          .name = name},
         attention_dot<T>, op, rows);
  constexpr int kFactors = 2 * (Tile::kRowFloats + Tile::kColumnFloats);
  launch(attention_launch<Tile>(ctx, name, y, op.n.heads, kFactors + Tile::kScoreFloats),
         attention_grad_q<T, V, kHead>, op);
  launch(attention_launch<Tile>(ctx, name, y, op.n.heads, kFactors + 2 * Tile::kScoreFloats),
         attention_grad_kv<T, V, kHead>, op);
}

}  // namespace

void AttentionGrad::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  if (takes_mma(*this)) return attention_grad_by_mma(ctx, *this);
  const AttentionShape shape = attention_shape(name, *y, heads, mask);
  Tensor dot = ctx.empty(logsumexp->shape(), DType::f32);
  dispatch_cuda_float(qkv->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Backward<T> op{.n = shape,
                         .dy = elements<T>(*dy),
                         .qkv = elements<T>(*qkv),
                         .y = elements<T>(*y),
                         .logsumexp = elements<float>(*logsumexp),
                         .dot = elements<float>(dot),
                         .dqkv = elements<T>(*dqkv)};
    const bool vectors = vectorizable<T>(shape.head, op.dy, op.qkv, op.dqkv);
    with_attention_kernel<T>(shape.head, vectors, [&](auto head, auto lanes) {
      launch_gradients<T, decltype(lanes)::value, decltype(head)::value>(ctx, name, y->shape(), op);
    });
  });
}

}  // namespace orchid::ops
