#include "kernels/cuda/device/conv_signals.cuh"
#include "kernels/cuda/device/cosine_tile_rows.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// Signals in shared memory, in this order; those that are left out have no place.
struct TileSignals {
  int gate_in, gate_out, add, count;

  __host__ __device__ explicit TileSignals(const Signals<Bf16>& o)
      : gate_in(1),
        gate_out(gate_in + (o.gate_in ? 1 : 0)),
        add(gate_out + (o.gate_out ? 1 : 0)),
        count(add + (o.add ? 1 : 0)) {}
};

/// Everything after the inverse transform: skip, c, gate_out, add, y of sample b.
template <bool kShort>
__device__ void finish(const CosineTiles& s, const LaneRows& lane, const Signals<Bf16>& o,
                       std::int64_t b, const LaneReader<kShort>& gate, const LaneReader<false>& add,
                       const Bf16* tile, const LaneValues (&u)[2]) {
  if (!lane.inside) return;
  float skip[4] = {};
  if (o.skip) load(o.skip + lane.d, skip);
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    if (lane.row >= s.count(side)) continue;
    LaneValues factors, added;
    if (gate.present) gate.load_side(s, lane, side, factors);
    if (add.present) add.load_side(s, lane, side, added);
    const LaneColumns<Bf16> c(o.c, s, lane, side, b), y(o.y, s, lane, side, b);
#pragma unroll
    for (int i = 0; i < kLaneRun; ++i) {
      if (lane.row + i >= s.count(side)) continue;
      float values[4];
      load(staged(s, lane, side, i, tile), values);
#pragma unroll
      for (int v = 0; v < 4; ++v) values[v] += skip[v] * u[side][i][v];
      if (c) store(c.at(i), values);
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        if (gate.present) values[v] *= factors[i][v];
        if (add.present) values[v] += added[i][v];
      }
      store(y.at(i), values);
    }
  }
}

/// A block has 32 channels of a part of the batch, one sample after the other. What becomes free is
/// filled at once for the next sample.
template <bool kShort, int kThreads>
__global__ void __launch_bounds__(kThreads, kThreads > 128 ? 1 : 2)
    conv_tile(CosineTiles s, const Bf16* cosines, BinRows bins, KernelRows kernel, BatchParts parts,
              Signals<Bf16> o) {
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
  const LaneReader<false> add(lane, o.add, signal(signals.add));
  const auto copy_u = [&](std::int64_t b) {
    copy_signal(s, at, o.x.columns, b, signal(0));
    if (o.gate_in) copy_signal(s, at, o.gate_in.columns, b, signal(signals.gate_in));
    if (kernel.h) copy_kernel(s, place, kernel.h + b * bins.size, own);
  };
  std::int64_t b = parts.first(blockIdx.y);
  const std::int64_t last = parts.last(blockIdx.y);
  copy_cosines(s, cosines, memory.matrix);
  if (!kernel.h) copy_kernel(s, place, kernel.h0, own);
  copy_u(b);
  commit_copies();
  memory.clear(s, signals.count);
  if constexpr (kShort) put_all_taps(s, at, o.x, o.gate_in, o.gate_out, memory.taps);
#pragma unroll 1
  for (; b < last; ++b) {
    wait_copies<0>();
    __syncthreads();
    if (o.gate_out) copy_signal(s, at, o.gate_out.columns, b, signal(signals.gate_out));
    if (o.add) copy_signal(s, at, o.add, b, signal(signals.add));
    commit_copies();
    LaneValues u[2] = {};
    fold_signal(s, lane, x, gate_in, tile, u);
    __syncthreads();
    SideWords words[2];
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      PackValues fixed;  // on their way during the product
      load_fixed(s, place, side, kernel.h ? kernel.h0 : nullptr, fixed);
      SideSums sums = {};
      multiply_cosines<false>(s, at, side, memory.matrix, tile, sums);
#pragma unroll
      for (int pack = 0; pack < kSidePacks; ++pack) {
        float h[4];
        load_kernel(s, side, pack, place.scale(bins, side, pack), fixed, own, h);
#pragma unroll
        for (int v = 0; v < 4; ++v) h[v] *= pack_value(sums, pack, v);
        words[side][pack] = FourChannels(h);
      }
    }
    if (b + 1 < last) copy_u(b + 1);
    commit_copies();
    __syncthreads();  // all have read the folded signals
    put_bins(s, at, words, tile);
    __syncthreads();
    SideSums back[2] = {};
#pragma unroll
    for (int side = 0; side < 2; ++side)
      multiply_cosines<true>(s, at, side, memory.matrix, tile, back[side]);
    wait_copies<1>();  // for gate_out and add
    __syncthreads();
    stage_rows(s, at, back, tile);
    __syncwarp();
    finish(s, lane, o, b, gate_out, add, tile, u);
  }
}

template <bool kShort>
void convolve(Context& ctx, const FftConv& op) {
  const Shape& shape = op.y->shape();
  const CosineTiles s(shape);
  const BatchParts parts = s.parts(shape[0]);
  const Signals<Bf16> signals(op);
  launch(s.config(ctx, op.name, parts, TileSignals(signals).count),
         s.threads() > 128 ? conv_tile<kShort, kMostTileThreads> : conv_tile<kShort, 128>, s,
         elements<Bf16>(folded_cosines(ctx, s.length, s.rows)), BinRows(op, shape), kernel_rows(op),
         parts, signals);
}

}  // namespace

bool takes_tiles(Context& ctx, const FftConv& op) {
  const Shape& shape = op.y->shape();
  if (!fuses_convolutions(ctx, shape[1], op.y->dtype())) return false;
  const Signals<Bf16> signals(op);
  return signals.lanes(kLanes<Bf16>, shape[2]) &&
         vectorizable<float>(shape[2], elements<float>(*op.h0), kernel_rows(op).h) &&
         CosineTiles(shape).fits(op.name, TileSignals(signals).count);
}

void convolve_in_tiles(Context& ctx, const FftConv& op) {
  if (op.short_weight.defined()) return convolve<true>(ctx, op);
  convolve<false>(ctx, op);
}

}  // namespace orchid::ops
