#include "kernels/cuda/device/matrix_columns.cuh"
#include "kernels/cuda/device/sequence_conv.cuh"
#include "kernels/cuda/device/sequence_conv_general.cuh"
#include "kernels/ops/sequence_conv.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kColumns = 32, kRows = 8;

/// Runs of kRun positions, which blocks share in order: first stage of the weights' sums.
struct Runs {
  int per_sample, count, per_block;
};

/// partial[plane][block][g] = the block's sum for group g; plane o * (kTaps + 1) + j is that of
/// dy[o] x[tap j], or, for the last j, of dy[o]. A thread has V groups of every kRows-th run.
template <class T, int V, int kOut, int kTaps>
__global__ void __launch_bounds__(kColumns* kRows, 1)
    window_weight_grad(const T* __restrict__ x, const T* __restrict__ dy, ConvShape s, Runs runs,
                       float* __restrict__ partial) {
  ORCHID_SHARED(float, shared, [kRows][kColumns * V + 1]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int g = (static_cast<int>(blockIdx.x) * kColumns + tx) * V;
  const int block = static_cast<int>(blockIdx.y), begin = block * runs.per_block;
  const int end = begin + runs.per_block < runs.count ? begin + runs.per_block : runs.count;
  float sums[kOut * (kTaps + 1)][V] = {};
#pragma unroll 1
  for (int run = begin + ty; run < end && g < s.groups; run += kRows) {
    const int b = run / runs.per_sample, first = run % runs.per_sample * kRun;
    const int last = first + kRun < s.length ? first + kRun : s.length;
    const T* const x_sample = x + b * s.x_sample() + g;
    const T* const dy_sample = dy + b * s.y_sample() + g * kOut;
    float window[kTaps][V], d[V * kOut];
#pragma unroll
    for (int t = 0; t < kTaps - 1; ++t) load_row<V>(x_sample, s, first - s.left + t, window[t]);
#pragma unroll 1
    for (int p = first; p < last; p += kTaps) {
#pragma unroll
      for (int r = 0; r < kTaps; ++r) {  // position p + r reads window[(r + j) % kTaps]
        if (p + r >= last) break;
        load_row<V>(x_sample, s, p + r - s.left + kTaps - 1, window[(r + kTaps - 1) % kTaps]);
        load_channels<V>(dy_sample + std::int64_t{p + r} * s.outputs(), d);
#pragma unroll
        for (int o = 0; o < kOut; ++o)
#pragma unroll
          for (int v = 0; v < V; ++v) {
#pragma unroll
            for (int j = 0; j < kTaps; ++j)
              sums[o * (kTaps + 1) + j][v] += d[v * kOut + o] * window[(r + j) % kTaps][v];
            sums[o * (kTaps + 1) + kTaps][v] += d[v * kOut + o];
          }
      }
    }
  }
#pragma unroll
  for (int plane = 0; plane < kOut * (kTaps + 1); ++plane) {
#pragma unroll
    for (int v = 0; v < V; ++v) shared[ty][tx * V + v] = sums[plane][v];
    __syncthreads();
    for (int c = ty * kColumns + tx; c < kColumns * V; c += kColumns * kRows) {
      const int group = static_cast<int>(blockIdx.x) * kColumns * V + c;
      if (group >= s.groups) continue;
      float total = 0;
      for (int row = 0; row < kRows; ++row) total += shared[row][c];
      partial[(plane * std::int64_t{gridDim.y} + block) * s.groups + group] = total;
    }
    __syncthreads();
  }
}

/// Second stage: one thread a plane and group. dbias null: not wanted.
__global__ void __launch_bounds__(256)
    add_weight_grad(const float* partial, int blocks, int groups, int out, int taps, float* dweight,
                    float* dbias) {
  const int g = static_cast<int>(grid_thread()), plane = static_cast<int>(blockIdx.y);
  if (g >= groups) return;
  const std::int64_t output = std::int64_t{g} * out + plane / (taps + 1);
  const int j = plane % (taps + 1);
  float total = 0;
#pragma unroll 16
  for (std::int64_t block = 0; block < blocks; ++block)
    total += partial[(plane * blocks + block) * groups + g];
  if (j < taps) {
    dweight[output * taps + j] += total;
  } else if (dbias) {
    dbias[output] += total;
  }
}

template <class T>
void window_gradient(Context& ctx, const char* name, const T* x, const T* dy, const ConvShape& s,
                     float* dweight, float* dbias) {
  constexpr int kMostBlocks = 128;
  const int per_sample = (s.length + kRun - 1) / kRun;
  ORCHID_CHECK(std::int64_t{per_sample} * s.batch < 1 << 30, name, ": x: too many positions");
  const int count = s.batch * per_sample;
  int per_block = (count + kMostBlocks - 1) / kMostBlocks;
  per_block = (per_block + kRows - 1) / kRows * kRows;
  const int blocks = (count + per_block - 1) / per_block;
  const int planes = s.out * (s.taps + 1);
  Tensor partial = ctx.empty({planes, blocks, s.groups}, DType::f32);
  const bool vectors = vectorizable<T>(s.groups, x, dy) && s.x_stride % kLanes<T> == 0;
  with_window(s.out, s.taps, [&](auto out, auto taps) {
    constexpr int kOut = decltype(out)::value, kTaps = decltype(taps)::value;
    constexpr int kVector = kWindowLanes<T, 1, kOut>;
    launch({.grid = dim3(blocks_for(s.groups, kColumns, vectors ? kVector : 1),
                         static_cast<unsigned>(blocks)),
            .block = dim3(kColumns, kRows),
            .stream = stream_of(ctx),
            .name = name},
           vectors ? window_weight_grad<T, kVector, kOut, kTaps>
                   : window_weight_grad<T, 1, kOut, kTaps>,
           x, dy, s, Runs{per_sample, count, per_block}, elements<float>(partial));
  });
  launch({.grid = dim3(blocks_for(s.groups, 256), static_cast<unsigned>(planes)),
          .block = 256,
          .stream = stream_of(ctx),
          .name = name},
         add_weight_grad, elements<float>(partial), blocks, s.groups, s.out, s.taps, dweight,
         dbias);
}

/// dy[r, co] x[what tap j of row r reads, ci]: column c is the weight (co, ci, j).
template <class T>
struct WeightTerms {
  const T *x, *dy;
  ConvShape s;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[1][V]) const {
    static_assert(V == 1 || V == 4);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const std::int64_t rest = (c + v) / s.taps, co = rest / s.in;
      const int j = static_cast<int>((c + v) % s.taps);
      const int row = row_at(static_cast<int>(r % s.length) - s.left + j, s.length, s.padding);
      const std::int64_t from = (r / s.length * s.length + row) * s.x_stride;
      out[0][v] = row < 0 ? 0
                          : to_float(dy[r * s.outputs() + co]) *
                                to_float(x[from + co / s.out * s.in + rest % s.in]);
    }
  }
};

template <class T>
void general_gradient(Context& ctx, const char* name, const T* x, const T* dy, const ConvShape& s,
                      float* dweight, float* dbias) {
  const std::int64_t rows = std::int64_t{s.batch} * s.length;
  accumulate_columns(ctx, name, WeightTerms<T>{x, dy, s}, rows,
                     std::int64_t{s.outputs()} * s.in * s.taps, SumTargets<1>{{dweight}}, false);
  if (dbias)
    accumulate_columns(ctx, name, MatrixColumns<T>{dy, s.outputs()}, rows, s.outputs(),
                       SumTargets<1>{{dbias}}, vectorizable<T>(s.outputs(), dy));
}

}  // namespace

void SequenceConvGrad::cuda(Context& ctx) const {
  if (dx->count() == 0) return;
  const ConvShape forward = conv_shape(*this);
  ConvShape adjoint = forward;
  std::swap(adjoint.in, adjoint.out);
  adjoint.x_stride = forward.outputs();
  adjoint.left = forward.taps - 1 - forward.left;
  adjoint.padding = Padding::zeros;
  adjoint.folded = padding;
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const in = elements<T>(*x) + x_column, *const upper = elements<T>(*dy);
    float* const sums = elements<float>(*dweight);
    float* const bias_sums = dbias.defined() ? elements<float>(*dbias) : nullptr;
    const float* const taps = elements<float>(*weight);
    T* const lower = elements<T>(*dx);
    if (has_window_kernel(forward)) {
      run_window_conv<T, true>(ctx, name, upper, taps, nullptr, lower, adjoint);
      window_gradient(ctx, name, in, upper, forward, sums, bias_sums);
    } else {
      run_general_conv<T, true>(ctx, name, upper, taps, nullptr, lower, adjoint);
      general_gradient(ctx, name, in, upper, forward, sums, bias_sums);
    }
  });
}

}  // namespace orchid::ops
