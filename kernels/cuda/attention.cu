#include <cfloat>

#include "kernels/cuda/device/attention_tiles.cuh"
#include "kernels/cuda/runtime/attention_mma.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

template <class T>
struct Forward {
  AttentionShape n;
  const T* qkv;
  T* y;
  float* logsumexp;
};

/// Columns of a tile: keys.
template <int kHead>
using ForwardTile = AttentionTile<kHead, kHead <= 64 ? 64 : 32>;

template <int kHead>
constexpr int kSharedFloats =
    ForwardTile<kHead>::kRowFloats + 2 * ForwardTile<kHead>::kColumnFloats +
    ForwardTile<kHead>::kScoreFloats;

/// The softmax of a row, tile after tile: the largest score so far, in all lanes of the row, and
/// the lane's own part of the sum of exp(score - largest).
struct RunningSoftmax {
  float largest = -FLT_MAX;  // finite: no difference of two infinities
  float total = 0;

  /// s = exp(s - largest), 0 for keys that do not count. Returns what older terms are worth.
  template <int kN>
  __device__ float add(float (&s)[kN], const bool (&kept)[kN]) {
    float next = largest;
#pragma unroll
    for (int j = 0; j < kN; ++j)
      if (kept[j]) next = fmaxf(next, s[j]);
    next = max_of_row(next);
    const float factor = expf(largest - next);
    largest = next;
    total *= factor;
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      s[j] = kept[j] ? expf(s[j] - next) : 0.0f;
      total += s[j];
    }
    return factor;
  }
};

/// The scores of a tile become weights, in shared memory too; older sums are scaled to fit.
template <class Tile>
__device__ void take_weights(const AttentionPlace<Tile>& place, const bool (&kept)[Tile::kN],
                             float (&s)[Tile::kM][Tile::kN], RunningSoftmax (&softmax)[Tile::kM],
                             AttentionSums<Tile>& sums, float* weights) {
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) {
    const float factor = softmax[i].add(s[i], kept);
#pragma unroll
    for (int pack = 0; pack < Tile::kPacks; ++pack)
#pragma unroll
      for (int e = 0; e < Tile::kPack; ++e) sums[i][pack][e] *= factor;
#pragma unroll
    for (int j = 0; j < Tile::kN; ++j)
      weights[place.row(i) * Tile::kScorePitch + place.column(j)] = s[i][j];
  }
}

/// A block has kRows queries of a head; tiles without a key that counts are passed over.
template <class T, int V, int kHead>
__global__ void __launch_bounds__(kAttentionBlock, 2) attention(Forward<T> op) {
  using Tile = ForwardTile<kHead>;
  float* const q = dynamic_shared<float>();
  float *const k = q + Tile::kRowFloats, *const v = k + Tile::kColumnFloats;
  float* const weights = v + Tile::kColumnFloats;
  const AttentionShape& n = op.n;
  const AttentionPlace<Tile> place(n);
  load_rows<Tile, Tile::kRows, V>(n, AttentionRows<T>{op.qkv, place.b, place.first, place.h, 0, 3},
                                  n.scale, false, q);
  AttentionSums<Tile> sums = {};
  RunningSoftmax softmax[Tile::kM];
  for (std::int64_t key = 0; key < n.length; key += Tile::kColumns) {
    const int lane = static_cast<int>(threadIdx.x);
    // A barrier as well: no thread still reads the tiles of the step before.
    if (!__syncthreads_or(lane < Tile::kColumns && n.counts(place.b, key + lane))) continue;
    load_rows<Tile, Tile::kColumns, V>(n, AttentionRows<T>{op.qkv, place.b, key, place.h, 1, 3},
                                       1.0f, true, k);
    load_rows<Tile, Tile::kColumns, V>(n, AttentionRows<T>{op.qkv, place.b, key, place.h, 2, 3},
                                       1.0f, true, v);
    bool kept[Tile::kN];
#pragma unroll
    for (int j = 0; j < Tile::kN; ++j) kept[j] = n.counts(place.b, key + place.column(j));
    __syncthreads();
    float s[Tile::kM][Tile::kN];
    dot_rows(place, q, k, n.head, s);
    take_weights(place, kept, s, softmax, sums, weights);
    __syncwarp();
    add_rows(place, weights, v, sums);
  }
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i) {
    const float total = sum_of_row(softmax[i].total);
    const std::int64_t l = place.first + place.row(i);
    if (l >= n.length) continue;
    store_row<Tile, V>(place, n.head, total > 0 ? 1 / total : 0.0f, sums[i],
                       op.y + n.at(place.b, l, place.h, 0, 1));
    if (place.tx == 0)
      op.logsumexp[n.sum_at(place.b, l, place.h)] =
          total > 0 ? softmax[i].largest + logf(total) : -INFINITY;
  }
}

}  // namespace

void Attention::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  if (takes_mma(*this)) return attention_by_mma(ctx, *this);
  const AttentionShape shape = attention_shape(name, *y, heads, mask);
  dispatch_cuda_float(qkv->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Forward<T> op{shape, elements<T>(*qkv), elements<T>(*y), elements<float>(*logsumexp)};
    const bool vectors = vectorizable<T>(shape.head, op.qkv, op.y);
    with_attention_kernel<T>(shape.head, vectors, [&](auto head, auto lanes) {
      constexpr int kHead = decltype(head)::value;
      launch(
          attention_launch<ForwardTile<kHead>>(ctx, name, y->shape(), heads, kSharedFloats<kHead>),
          attention<T, decltype(lanes)::value, kHead>, op);
    });
  });
}

}  // namespace orchid::ops
