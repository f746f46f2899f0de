#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/conv_grad_signals.cuh"
#include "kernels/cuda/device/cosine_tile_rows.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// What a block leaves of its part of the batch. dh (B, N, D) is null when left out; dh0 (parts, N,
/// D) and, null when left out, dskip (parts, D) are sums over the part; `add`: the only part's are
/// added to dh0.
struct KernelGrads {
  float *dh, *dh0, *dskip;
  bool add;
};

/// The sums of a part.
__device__ void store_sums(const CosineTiles& s, const BinPlace& place, const PackValues (&sums)[2],
                           float* to, bool add) {
#pragma unroll
  for (int side = 0; side < 2; ++side)
#pragma unroll
    for (int pack = 0; pack < kSidePacks; ++pack) {
      if (!place.inside(s, side, pack)) continue;
      float* const at = to + place.first + place.offset(s, side, pack);
      float before[4] = {};
      if (add) load(at, before);
#pragma unroll
      for (int v = 0; v < 4; ++v) before[v] += sums[side][pack][v];
      store(at, before);
    }
}

/// The sum of the lanes' values over the block, by way of the shared memory of the tile.
__device__ void store_skip(const CosineTiles& s, const LaneRows& lane, const float (&sums)[4],
                           Bf16* tile, float* to) {
  constexpr int kAcross = kTileChannels / 4;
  float* const shared = reinterpret_cast<float*>(tile) + lane.channel;
  const int row = static_cast<int>(threadIdx.x) / kAcross;
  __syncthreads();
  store(shared + row * kTileChannels, sums);
  __syncthreads();
  if (row != 0 || !lane.inside) return;
  float total[4] = {};
  for (int i = 0; i < s.threads() / kAcross; ++i) {
    float part[4];
    load(shared + i * kTileChannels, part);
#pragma unroll
    for (int v = 0; v < 4; ++v) total[v] += part[v];
  }
  store(to + lane.d, total);
}

/// dgate_out = dy * c
__device__ void store_gate(const CosineTiles& s, const LaneRows& lane, const Columns<Bf16>& to,
                           std::int64_t b, const LaneReader<false>& dy,
                           const LaneReader<false>& c) {
  if (!lane.inside) return;
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    if (lane.row >= s.count(side)) continue;
    LaneValues values, factors;
    dy.load_side(s, lane, side, values);
    c.load_side(s, lane, side, factors);
    const LaneColumns<Bf16> dgate(to, s, lane, side, b);
#pragma unroll
    for (int i = 0; i < kLaneRun; ++i) {
#pragma unroll
      for (int v = 0; v < 4; ++v) values[i][v] *= factors[i][v];
      if (lane.row + i < s.count(side)) store(dgate.at(i), values[i]);
    }
  }
}

/// Everything after the inverse transform, out of the staged rows; adds to the sums of dskip.
template <bool kShort>
__device__ void finish(const CosineTiles& s, const LaneRows& lane, const GradSignals<Bf16>& o,
                       std::int64_t b, const LaneReader<kShort>& x, const LaneReader<kShort>& gate,
                       const Bf16* tile, const LaneValues (&dc)[2], float (&skip_sums)[4]) {
  if (!lane.inside) return;
  float skip[4] = {};
  if (o.skip) load(o.skip + lane.d, skip);
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    if (lane.row >= s.count(side)) continue;
    LaneValues of_x, factors;
    x.load_side(s, lane, side, of_x);
    if (gate.present) gate.load_side(s, lane, side, factors);
    const LaneColumns<Bf16> dx(o.dx, s, lane, side, b), dgate(o.dgate_in, s, lane, side, b);
#pragma unroll
    for (int i = 0; i < kLaneRun; ++i) {
      if (lane.row + i >= s.count(side)) continue;
      float du[4], values[4];
      load(staged(s, lane, side, i, tile), du);
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        const float factor = gate.present ? factors[i][v] : 1;
        du[v] += skip[v] * dc[side][i][v];
        skip_sums[v] += dc[side][i][v] * of_x[i][v] * factor;
        of_x[i][v] *= du[v];
        values[v] = factor * du[v];
      }
      if (dgate) store(dgate.at(i), of_x[i]);
      if (o.accumulate_dx) {
        float before[4];
        load(dx.at(i), before);
#pragma unroll
        for (int v = 0; v < 4; ++v) values[v] += before[v];
      }
      store(dx.at(i), values);
    }
  }
}

/// Signals in shared memory, in this order; those that are left out have no place.
struct TileSignals {
  int gate_in, dy, gate_out, c, count;

  __host__ __device__ explicit TileSignals(const GradSignals<Bf16>& o)
      : gate_in(1),
        dy(gate_in + (o.gate_in ? 1 : 0)),
        gate_out(dy + 1),
        c(gate_out + (o.gate_out ? 1 : 0)),
        count(c + (o.dgate_out ? 1 : 0)) {}
};

/// A block has 32 channels of a part of the batch, one sample after the other. What becomes free is
/// filled at once for the next sample.
template <bool kShort, int kThreads>
__global__ void __launch_bounds__(kThreads, kThreads > 128 ? 1 : 2)
    conv_tile_grad(CosineTiles s, const Bf16* cosines, BinRows bins, KernelRows kernel,
                   BatchParts parts, GradSignals<Bf16> o, KernelGrads grads) {
  const TileMemory memory(s);
  const TileSignals signals(o);
  Bf16* const tile = memory.tile;
  float4* const own = memory.packs(s, signals.count);
  const TilePlace at;
  const BinPlace place(s, at);
  const LaneRows lane(s, at);
  const auto signal = [&](int index) { return memory.signal(s, index); };
  const auto reader = [&](const Input<Bf16>& of, int index, int taps) {
    return LaneReader<kShort>(lane, of, signal(index), memory.taps + taps * kTapElements);
  };
  const LaneReader<kShort> x = reader(o.x, 0, 0), gate_in = reader(o.gate_in, signals.gate_in, 1),
                           gate_out = reader(o.gate_out, signals.gate_out, 2);
  const LaneReader<false> dy(lane, o.dy, signal(signals.dy)), c(lane, o.c, signal(signals.c));
  const auto copy_dc = [&](std::int64_t b) {
    copy_signal(s, at, o.dy, b, signal(signals.dy));
    if (o.gate_out) copy_signal(s, at, o.gate_out.columns, b, signal(signals.gate_out));
    if (o.dgate_out) copy_signal(s, at, o.c, b, signal(signals.c));
  };
  std::int64_t b = parts.first(blockIdx.y);
  const std::int64_t last = parts.last(blockIdx.y);
  copy_cosines(s, cosines, memory.matrix);
  if (!kernel.h) copy_kernel(s, place, kernel.h0, own);
  copy_dc(b);
  commit_copies();
  memory.clear(s, signals.count);
  if constexpr (kShort) put_all_taps(s, at, o.x, o.gate_in, o.gate_out, memory.taps);
  PackValues sums[2] = {};
  float skip_sums[4] = {};
#pragma unroll 1
  for (; b < last; ++b) {
    wait_copies<0>();
    __syncthreads();
    copy_signal(s, at, o.x.columns, b, signal(0));
    if (o.gate_in) copy_signal(s, at, o.gate_in.columns, b, signal(signals.gate_in));
    commit_copies();
    if (kernel.h) copy_kernel(s, place, kernel.h + b * bins.size, own);
    commit_copies();
    if (o.dgate_out) store_gate(s, lane, o.dgate_out, b, dy, c);
    LaneValues dc[2] = {};
    fold_signal(s, lane, dy, gate_out, tile, dc);
    __syncthreads();
    if (b + 1 < last) copy_dc(b + 1);
    commit_copies();
    SideSums dc_bins[2] = {};
#pragma unroll
    for (int side = 0; side < 2; ++side)
      multiply_cosines<false>(s, at, side, memory.matrix, tile, dc_bins[side]);
    wait_copies<2>();  // for x and gate_in
    __syncthreads();
    LaneValues u[2] = {};
    fold_signal(s, lane, x, gate_in, tile, u);
    __syncthreads();
    SideWords words[2];
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      PackValues fixed;  // on their way during the product
      load_fixed(s, place, side, kernel.h ? kernel.h0 : nullptr, fixed);
      SideSums u_bins = {};
      multiply_cosines<false>(s, at, side, memory.matrix, tile, u_bins);
      wait_copies<1>();  // for h
#pragma unroll
      for (int pack = 0; pack < kSidePacks; ++pack) {
        const float scale = place.scale(bins, side, pack);
        float h[4], dh[4];
        load_kernel(s, side, pack, scale, fixed, own, h);
#pragma unroll
        for (int v = 0; v < 4; ++v) {
          const float g = pack_value(dc_bins[side], pack, v);
          h[v] *= g;
          dh[v] = scale * g * pack_value(u_bins, pack, v);
          sums[side][pack][v] += dh[v];
        }
        if (grads.dh && place.inside(s, side, pack))
          store(grads.dh + b * bins.size + place.first + place.offset(s, side, pack), dh);
        words[side][pack] = FourChannels(h);
      }
    }
    __syncthreads();  // all have read the folded signals
    put_bins(s, at, words, tile);
    __syncthreads();
    SideSums du[2] = {};
#pragma unroll
    for (int side = 0; side < 2; ++side)
      multiply_cosines<true>(s, at, side, memory.matrix, tile, du[side]);
    __syncthreads();
    stage_rows(s, at, du, tile);
    __syncwarp();
    finish(s, lane, o, b, x, gate_in, tile, dc, skip_sums);
  }
  store_sums(s, place, sums, grads.dh0 + blockIdx.y * bins.size, grads.add);
  if (grads.dskip)
    store_skip(s, lane, skip_sums, tile, grads.dskip + std::int64_t{blockIdx.y} * s.channels);
}

void add_parts(Context& ctx, const char* name, const Tensor& sums, std::int64_t columns,
               Tensor& to) {
  launch({.grid = blocks_for(columns, 256), .block = 256, .stream = stream_of(ctx), .name = name},
         add_column_sums<1>, elements<float>(sums), sums.shape()[0], columns,
         SumTargets<1>{{elements<float>(to)}});
}

template <bool kShort>
void convolve_grad(Context& ctx, const FftConvGrad& op) {
  const Shape& shape = op.dy->shape();
  const CosineTiles s(shape);
  const BinRows bins(op, shape);
  const BatchParts parts = s.parts(shape[0]);
  const bool one = parts.parts == 1;
  Tensor dh0 = one ? *op.dh0 : ctx.empty({parts.parts, bins.size}, DType::f32), dskip;
  if (op.dskip.defined()) dskip = ctx.empty({parts.parts, bins.channels}, DType::f32);
  const KernelGrads grads{op.dh.defined() ? elements<float>(*op.dh) : nullptr, elements<float>(dh0),
                          dskip.defined() ? elements<float>(dskip) : nullptr, one};
  const GradSignals<Bf16> signals(op);
  launch(s.config(ctx, op.name, parts, TileSignals(signals).count),
         s.threads() > 128 ? conv_tile_grad<kShort, kMostTileThreads> : conv_tile_grad<kShort, 128>,
         s, elements<Bf16>(folded_cosines(ctx, s.length, s.rows)), bins, kernel_rows(op), parts,
         signals, grads);
  if (!one) add_parts(ctx, op.name, dh0, bins.size, *op.dh0);
  if (dskip.defined()) add_parts(ctx, op.name, dskip, bins.channels, *op.dskip);
}

}  // namespace

bool takes_tiles(Context& ctx, const FftConvGrad& op) {
  const Shape& shape = op.dy->shape();
  if (!fuses_convolutions(ctx, shape[1], op.dy->dtype())) return false;
  const GradSignals<Bf16> signals(op);
  const float* const dh = op.dh.defined() ? elements<float>(*op.dh) : nullptr;
  return signals.lanes(kLanes<Bf16>, shape[2]) &&
         vectorizable<float>(shape[2], elements<float>(*op.h0), kernel_rows(op).h, dh,
                             elements<float>(*op.dh0)) &&
         CosineTiles(shape).fits(op.name, TileSignals(signals).count);
}

void convolve_grad_in_tiles(Context& ctx, const FftConvGrad& op) {
  if (op.short_weight.defined()) return convolve_grad<true>(ctx, op);
  convolve_grad<false>(ctx, op);
}

}  // namespace orchid::ops
