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

}  // namespace

void ConvNorm::cuda(Context& ctx) const {
  const Norm norm{elements<float>(*gamma), elements<float>(*beta), elements<float>(*y),
                  elements<float>(*mean),  elements<float>(*rstd), static_cast<float>(eps)};
  with_layer(*this, nullptr, [&](const auto& layer) {
    using Rows = std::remove_cvref_t<decltype(layer.source)>;
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
