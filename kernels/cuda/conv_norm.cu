#include "kernels/cuda/device/conv_norm.cuh"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

struct Norm {
  const float *gamma, *beta;
  float *y, *mean, *rstd;
  float eps;
};

/// Two passes for the moments: no cancellation, unlike E[u^2] - E[u]^2.
template <class Rows, class Pack>
__global__ void __launch_bounds__(kMostRowThreads, 1)
    conv_norm(Layer<Rows> layer, Norm norm, RowBlocks blocks) {
  constexpr int N = Pack::kSize;
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  const float n = static_cast<float>(layer.outputs());
  const KeptPacks<N> kept{dynamic_shared<float>() + static_cast<int>(threadIdx.y) * blocks.kept,
                          layer.outputs() / N};
  for (int i = 0; i < blocks.run; ++i) {
    const std::int64_t row = blocks.row(i);
    const int position = static_cast<int>(row % layer.length);
    const int packs = row < blocks.rows ? kept.packs : 0;
    const auto compute = [&](int pack, float(&u)[N]) {
      if (blocks.kept > 0) return kept.get(pack, u);
      layer.template convolve<Pack>(row, position, pack * N, u);
    };
    float u[N], sum[1] = {};
    for (int pack = thread; pack < packs; pack += threads) {
      layer.template convolve<Pack>(row, position, pack * N, u);
      if (blocks.kept > 0) kept.put(pack, u);
#pragma unroll
      for (int k = 0; k < N; ++k) sum[0] += u[k];
    }
    row_sums(sum);
    const float mean = sum[0] / n;
    sum[0] = 0;
    for (int pack = thread; pack < packs; pack += threads) {
      compute(pack, u);
#pragma unroll
      for (int k = 0; k < N; ++k) sum[0] += (u[k] - mean) * (u[k] - mean);
    }
    row_sums(sum);
    const float rstd = 1 / sqrtf(sum[0] / n + norm.eps);
    if (packs > 0 && thread == 0) {
      norm.mean[row] = mean;
      norm.rstd[row] = rstd;
    }
    for (int pack = thread; pack < packs; pack += threads) {
      float gamma[N], beta[N];
      load_pack(norm.gamma + pack * N, gamma);
      load_pack(norm.beta + pack * N, beta);
      compute(pack, u);
#pragma unroll
      for (int k = 0; k < N; ++k) u[k] = (u[k] - mean) * rstd * gamma[k] + beta[k];
      layer.template store_outputs<Pack>(norm.y, row, pack * N, u);
    }
  }
}

/// Rows of a run that are normalised between two pairs of barriers.
constexpr int kRows = 4;

template <class Rows, class Pack, int kThreads>
__global__ void __launch_bounds__(kThreads, kThreads < kMostRunThreads ? 3 : 1)
    conv_norm_runs(Layer<Rows> layer, Norm norm, Runs runs) {
  constexpr int N = Pack::kSize;
  ORCHID_SHARED(float4, parts, [2][kThreads / kWarp]);
  const RunThread<Pack> at(layer.outputs());
  const Run run = runs.get(at.run, at.inside, 1);
  const RowRing<Rows, Pack, kRows> x(layer.source, at, run, dynamic_shared<unsigned char>());
  const RunConv<Rows, Pack> conv(layer, at.co);
  float z[kRows + 2][Rows::kParts * Pack::V];
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    x.start(run, 1 + i * kRows, i);
    commit_copies();
  }
  x.load_row(run, -1, z[0]);
  x.load_row(run, 0, z[1]);
  float gamma[N], beta[N];
  load(norm.gamma + at.co, gamma);
  load(norm.beta + at.co, beta);
  float* const y = norm.y + run.row * layer.outputs();
  const float of_sums = 1 / static_cast<float>(layer.outputs()), of_pack = at.inside ? 1 : 0;
#pragma unroll 1
  for (int position = 0, i = 0; position < runs.run; position += kRows, ++i) {
    x.start(run, position + 1 + kAhead * kRows, i + kAhead);
    commit_copies();
    wait_copies<kAhead>();
    x.take(run, position + 1, i, z + 2);
    float u[kRows][N], mean[kRows], rstd[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      mean[r] = 0;
#pragma unroll
      for (int k = 0; k < N; ++k) mean[r] += u[r][k] = conv(z + r, k);
      mean[r] *= of_pack;
    }
    row_totals(mean, parts[0]);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      mean[r] *= of_sums;
      rstd[r] = 0;
#pragma unroll
      for (int k = 0; k < N; ++k) rstd[r] += (u[r][k] - mean[r]) * (u[r][k] - mean[r]);
      rstd[r] *= of_pack;
    }
    row_totals(rstd, parts[1]);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (!run.owns(position + r)) continue;
      rstd[r] = inverse_root(rstd[r] * of_sums + norm.eps);
      if (at.co == 0) {
        norm.mean[run.row + position + r] = mean[r];
        norm.rstd[run.row + position + r] = rstd[r];
      }
#pragma unroll
      for (int k = 0; k < N; ++k) u[r][k] = (u[r][k] - mean[r]) * rstd[r] * gamma[k] + beta[k];
      layer.template store_outputs<Pack>(y, position + r, at.co, u[r]);
    }
#pragma unroll
    for (int v = 0; v < Rows::kParts * Pack::V; ++v) {
      z[0][v] = z[kRows][v];
      z[1][v] = z[kRows + 1][v];
    }
  }
}

}  // namespace

void ConvNorm::cuda(Context& ctx) const {
  const Norm norm{elements<float>(*gamma), elements<float>(*beta), elements<float>(*y),
                  elements<float>(*mean),  elements<float>(*rstd), static_cast<float>(eps)};
  with_layer(*this, nullptr, [&](const auto& layer) {
    using Rows = std::remove_cvref_t<decltype(layer.source)>;
    const bool in_runs = with_run_pack(
        layer, kMostRunThreads,
        [&](auto pack) {
          using Pack = decltype(pack);
          const RunBlocks blocks =
              run_blocks(y->shape().rows(), layer.length, layer.outputs() / Pack::kSize);
          const LaunchConfig config =
              blocks.config(ctx, name, RowRing<Rows, Pack, kRows>::kBytes, INT32_MAX);
          const auto kernel = blocks.few() ? conv_norm_runs<Rows, Pack, kFewRunThreads>
                                           : conv_norm_runs<Rows, Pack, kMostRunThreads>;
          launch(config, kernel, layer, norm, blocks.runs);
        },
        norm.gamma, norm.beta, norm.y);
    if (in_runs) return;
    with_pack(
        layer,
        [&](auto pack) {
          using Pack = decltype(pack);
          RowBlocks blocks{.rows = y->shape().rows(), .run = 1, .kept = 0};
          const LaunchConfig config = row_launch<Pack>(ctx, name, layer.outputs(), 1, blocks);
          launch(config, conv_norm<Rows, Pack>, layer, norm, blocks);
        },
        norm.gamma, norm.beta, norm.y);
  });
}

}  // namespace orchid::ops
