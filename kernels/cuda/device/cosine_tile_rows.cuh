#pragma once

#include "kernels/cuda/device/cosine_tile_signals.cuh"

/// Signals in shared memory, convolved by a few taps, gated and folded into the tile.
namespace orchid::cuda {

/// Writes the short convolutions of three operands.
inline __device__ void put_all_taps(const CosineTiles& s, const TilePlace& at, const Input<Bf16>& x,
                                    const Input<Bf16>& gate_in, const Input<Bf16>& gate_out,
                                    float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < 3 * kTapElements; i += s.threads()) {
    const int operand = i / kTapElements, tap = i % kTapElements / kTileChannels,
              d = at.channel + i % kTileChannels;
    const Input<Bf16>& of = operand == 0 ? x : operand == 1 ? gate_in : gate_out;
    float value = 0;
    if (of && d < s.channels) {
      if (tap < of.taps) value = of.weight[d * of.taps + of.taps - 1 - tap];
      if (tap == kMostShortTaps && of.bias) value = of.bias[d];
    }
    to[i] = value;
  }
}

/// What a lane reads of an operand: a signal in shared memory or, with kShort, its convolution.
template <bool kShort>
struct LaneReader {
  const Bf16* signal;  ///< its channels of row 0
  const float* taps;   ///< and of the first weights
  bool present, four;

  __device__ LaneReader(const LaneRows& lane, const Columns<const Bf16>& of, const Bf16* copied)
      : signal(copied + lane.channel), taps(nullptr), present(of), four(false) {}
  __device__ LaneReader(const LaneRows& lane, const Input<Bf16>& of, const Bf16* copied,
                        const float* weights)
      : LaneReader(lane, of.columns, copied) {
    taps = weights + lane.channel;
    four = of.taps > 3;
  }

  /// Positions n, n + kStep, ...
  template <int kStep>
  __device__ void load_rows(int n, LaneValues& to) const {
    const Bf16* const own = signal + n * kTileRowPitch;
    if constexpr (!kShort) {
#pragma unroll
      for (int i = 0; i < kLaneRun; ++i) load(own + i * kStep * kTileRowPitch, to[i]);
    } else {
#pragma unroll
      for (int i = 0; i < kLaneRun; ++i) load(taps + kMostShortTaps * kTileChannels, to[i]);
      add_taps<kStep, 0, 3>(own, to);
      if (four) add_taps<kStep, 3, 4>(own, to);
    }
  }

  template <int kStep, int kFirst, int kLast>
  __device__ void add_taps(const Bf16* own, LaneValues& to) const {
    float weight[kLast - kFirst][4];
#pragma unroll
    for (int tap = kFirst; tap < kLast; ++tap)
      load(taps + tap * kTileChannels, weight[tap - kFirst]);
    constexpr int kBegin = (kStep > 0 ? 0 : 1 - kLaneRun) - (kLast - 1);
#pragma unroll
    for (int row = kBegin; row <= (kStep > 0 ? kLaneRun - 1 : 0) - kFirst; ++row) {
      float values[4];
      load(own + row * kTileRowPitch, values);
#pragma unroll
      for (int i = 0; i < kLaneRun; ++i) {
        const int tap = i * kStep - row;
        if (tap < kFirst || tap >= kLast) continue;
#pragma unroll
        for (int v = 0; v < 4; ++v) to[i][v] += weight[tap - kFirst][v] * values[v];
      }
    }
  }
  /// Those of a side.
  __device__ void load_side(const CosineTiles& s, const LaneRows& lane, int side,
                            LaneValues& to) const {
    if (side == 0) return load_rows<1>(lane.position(s, 0), to);
    load_rows<-1>(lane.position(s, 1), to);
  }
};

/// What a lane has of (gate *) x, 0 where a side has no such row. Rounded sums and differences go
/// into the tile.
template <class Reader, class GateReader>
__device__ void fold_signal(const CosineTiles& s, const LaneRows& lane, const Reader& x,
                            const GateReader& gate, Bf16* tile, LaneValues (&values)[2]) {
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    LaneValues factors;
    const bool some = lane.row < s.count(side);
    if (some) x.load_side(s, lane, side, values[side]);
    if (some && gate.present) gate.load_side(s, lane, side, factors);
#pragma unroll
    for (int i = 0; i < kLaneRun; ++i)
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        float& value = values[side][i][v];
        if (gate.present) value *= factors[i][v];
        if (lane.row + i >= s.count(side)) value = 0;
      }
  }
  tile += lane.row * kTileRowPitch;
#pragma unroll
  for (int i = 0; i < kLaneRun; ++i) {
    float even[4], odd[4];
#pragma unroll
    for (int v = 0; v < 4; ++v) {
      even[v] = values[0][i][v] + values[1][i][v];
      odd[v] = values[0][i][v] - values[1][i][v];
    }
    FourChannels(even).put(tile + i * kTileRowPitch, lane.channel);
    FourChannels(odd).put(tile + i * kTileRowPitch + s.side_elements(), lane.channel);
  }
}

}  // namespace orchid::cuda
