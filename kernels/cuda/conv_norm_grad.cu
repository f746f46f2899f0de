#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/conv_norm.cuh"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

struct NormGrad {
  const float *dy, *gamma, *mean, *rstd;
  float* du;  ///< (B S, Cout), in the order of groups
};

/// du = rstd (g - mean(g) - n mean(g n)) with n = (u - mean) rstd, g = gamma dy.
template <class Rows, class Pack>
__global__ void __launch_bounds__(kMostRowThreads, 1)
    norm_grad(Layer<Rows> layer, NormGrad norm, RowBlocks blocks) {
  constexpr int N = Pack::kSize;
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  const int outputs = layer.outputs();
  float* const shared = dynamic_shared<float>() + static_cast<int>(threadIdx.y) * blocks.kept;
  const KeptPacks<N> kept_n{shared, outputs / N}, kept_g{shared + outputs, outputs / N};
  for (int i = 0; i < blocks.run; ++i) {
    const std::int64_t row = blocks.row(i);
    const int position = static_cast<int>(row % layer.length);
    const int packs = row < blocks.rows ? kept_n.packs : 0;
    const float mean = packs > 0 ? norm.mean[row] : 0, rstd = packs > 0 ? norm.rstd[row] : 0;
    const auto compute = [&](int pack, float(&n)[N], float(&g)[N]) {
      layer.template convolve<Pack>(row, position, pack * N, n);
      float gamma[N];
      load_pack(norm.gamma + pack * N, gamma);
      layer.template load_outputs<Pack>(norm.dy, row, pack * N, g);
#pragma unroll
      for (int k = 0; k < N; ++k) {
        n[k] = (n[k] - mean) * rstd;
        g[k] *= gamma[k];
      }
    };
    float n[N], g[N], sums[2] = {};
    for (int pack = thread; pack < packs; pack += threads) {
      compute(pack, n, g);
      if (blocks.kept > 0) {
        kept_n.put(pack, n);
        kept_g.put(pack, g);
      }
#pragma unroll
      for (int k = 0; k < N; ++k) {
        sums[0] += g[k];
        sums[1] += g[k] * n[k];
      }
    }
    row_sums(sums);
    const float mean_g = sums[0] / static_cast<float>(outputs);
    const float mean_gn = sums[1] / static_cast<float>(outputs);
    for (int pack = thread; pack < packs; pack += threads) {
      if (blocks.kept > 0) {
        kept_n.get(pack, n);
        kept_g.get(pack, g);
      } else {
        compute(pack, n, g);
      }
#pragma unroll
      for (int k = 0; k < N; ++k) g[k] = rstd * (g[k] - mean_g - n[k] * mean_gn);
      store(norm.du + row * outputs + pack * N, g);
    }
  }
}

/// Rows that a thread of the next kernel takes with the weights it has loaded.
constexpr int kRun = 8, kRunRows = 8;

/// ds[p] = sum over o, j of weight[o][j] du[p + left - j], and from it dx. One thread has V groups.
template <class Rows, int V, int kOut, int kTaps>
__global__ void __launch_bounds__(kWarp* kRunRows, 1)
    input_grad(Layer<Rows> layer, const float* du, std::int64_t rows) {
  const int group = static_cast<int>(blockIdx.y * kWarp + threadIdx.x) * V;
  if (group >= layer.groups) return;
  const int out = kTaps ? kOut : layer.out, taps = kTaps ? kTaps : layer.taps;
  const std::int64_t first = (std::int64_t{blockIdx.x} * kRunRows + threadIdx.y) * kRun;
  const std::int64_t last = first + kRun < rows ? first + kRun : rows;
  const float* const weight = layer.weight + std::int64_t{group} * out * taps;
  float w[kTaps ? V * kOut * kTaps : 1];
  if constexpr (kTaps > 0) load_pack(weight, w);
#pragma unroll 1
  for (std::int64_t row = first; row < last; ++row) {
    const int position = static_cast<int>(row % layer.length);
    float ds[V] = {};
    const auto row_of_tap = [&](int j) {
      return du + (row + layer.left() - j) * layer.outputs() + group * out;
    };
    // Tap j of the row that reads this one: as if the taps were reversed.
    if constexpr (kTaps > 0) {
#pragma unroll
      for (int j = 0; j < kTaps; ++j) {
        if (!layer.inside(position, kTaps - 1 - j)) continue;
        float d[V * kOut];
        load_pack(row_of_tap(j), d);
#pragma unroll
        for (int k = 0; k < V * kOut; ++k) ds[k / kOut] += w[k * kTaps + j] * d[k];
      }
    } else {
      for (int j = 0; j < taps; ++j) {
        if (!layer.inside(position, taps - 1 - j)) continue;
        const float* const d = row_of_tap(j);
        for (int o = 0; o < out; ++o) ds[0] += weight[o * taps + j] * d[o];
      }
    }
    layer.source.write_grad(row, group, ds);
  }
}

/// What the gradients of the parameters are sums of: dgamma, dbeta, dbias, and dweight of each tap.
/// kTaps as in PackOf, up to kMost taps.
template <class Rows, int kTaps>
struct ParameterTerms {
  static constexpr int kMost = kTaps ? kTaps : static_cast<int>(kMaxConvNormTaps);
  static constexpr int kSums = 3 + kMost;
  Layer<Rows> layer;
  NormGrad norm;

  template <class Pack, int V>
  __device__ void add_pack(std::int64_t r, int co, int v, float (&out)[kSums][V]) const {
    constexpr int N = Pack::kSize;
    const int position = static_cast<int>(r % layer.length),
              group = layer.template group_of<Pack>(co);
    const float mean = norm.mean[r], rstd = norm.rstd[r];
    float u[N], dy[N], du[N];
    layer.template convolve<Pack>(r, position, co, u);
    layer.template load_outputs<Pack>(norm.dy, r, co, dy);
    load_pack(norm.du + r * layer.outputs() + co, du);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      out[0][v + k] = dy[k] * ((u[k] - mean) * rstd);
      out[1][v + k] = dy[k];
      out[2][v + k] = du[k];
    }
#pragma unroll
    for (int j = 0; j < kMost; ++j) {
      float s[Pack::V] = {};
      if (kTaps || j < layer.taps) layer.read_tap(r, position, group, j, s);
#pragma unroll
      for (int k = 0; k < N; ++k) out[3 + j][v + k] = du[k] * s[k / Pack::kOut];
    }
  }

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[kSums][V]) const {
    const int co = static_cast<int>(c);
    if constexpr (V == 4 && kTaps > 0) {
      if (layer.out == 1) return add_pack<PackOf<4, 1, kTaps>>(r, co, 0, out);
      add_pack<PackOf<2, 2, kTaps>>(r, co, 0, out);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) add_pack<PackOf<1, 1, 0>>(r, co + v, v, out);
    }
  }
};

/// dweight (Cout, K) += sums (K, Cout).
__global__ void __launch_bounds__(256)
    add_weight_sums(const float* sums, int outputs, int taps, float* dweight) {
  const std::int64_t i = grid_thread();
  if (i < std::int64_t{outputs} * taps) dweight[i] += sums[i % taps * outputs + i / taps];
}

template <class Rows, int kTaps>
void parameter_grad(Context& ctx, const ConvNormGrad& op, const Layer<Rows>& layer,
                    const NormGrad& norm, std::int64_t rows) {
  using Terms = ParameterTerms<Rows, kTaps>;
  const int outputs = layer.outputs();
  Tensor sums = ctx.zeros({layer.taps, outputs}, DType::f32);
  SumTargets<Terms::kSums> targets{};
  targets.sums[0] = elements<float>(*op.dgamma);
  targets.sums[1] = elements<float>(*op.dbeta);
  targets.sums[2] = op.dbias.defined() ? elements<float>(*op.dbias) : nullptr;
  for (int j = 0; j < layer.taps; ++j)
    targets.sums[3 + j] = elements<float>(sums) + std::int64_t{j} * outputs;
  accumulate_columns(ctx, op.name, Terms{layer, norm}, rows, outputs, targets, kTaps > 0);
  launch({.grid = blocks_for(std::int64_t{outputs} * layer.taps, 256),
          .block = 256,
          .stream = stream_of(ctx),
          .name = op.name},
         add_weight_sums, elements<float>(sums), outputs, layer.taps, elements<float>(*op.dweight));
}

/// Rows of a run whose sums go through one barrier, and threads of a block that have the registers.
constexpr int kRows = 2, kMostThreads = 384;

/// Sums over the rows of a thread, of its pack: those of ParameterTerms.
template <class Rows, class Pack>
struct PackSums {
  static constexpr int kSums = 6, N = Pack::kSize;
  float sums[kSums][N];

  __device__ void add(const float (*z)[RunConv<Rows, Pack>::kWindow], const float (&dy)[N],
                      const float (&n)[N], const float (&du)[N]) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      sums[0][k] += dy[k] * n[k];
      sums[1][k] += dy[k];
      sums[2][k] += du[k];
#pragma unroll
      for (int j = 0; j < 3; ++j) sums[3 + j][k] += du[k] * RunConv<Rows, Pack>::value(z[j], k);
    }
  }
};

/// All gradients: du of a run's rows and of one on each side, from them dx, and the sums of the
/// parameters' gradients over the runs of a thread: partial (6, runs at a time, Cout).
template <class Rows, class Pack>
__global__ void __launch_bounds__(kMostThreads, 1)
    conv_norm_grad_runs(Layer<Rows> layer, NormGrad norm, Runs runs, float* partial) {
  constexpr int N = Pack::kSize, R = kRows;
  using X = RowRing<Rows, Pack, R>;
  ORCHID_SHARED(float4, parts, [2][kMostThreads / kWarp]);
  unsigned char* const shared = dynamic_shared<unsigned char>();
  const RunThread<Pack> at(layer.outputs());
  const RunConv<Rows, Pack> conv(layer, at.co);
  const float of_sums = 1 / static_cast<float>(layer.outputs());
  float gamma[N];
  load(norm.gamma + at.co, gamma);
  PackSums<Rows, Pack> sums{};
  int group = 0;
  for (std::int64_t first = at.run - threadIdx.y; first < runs.count; first += at.runs) {
    const Run run = runs.get(first + threadIdx.y, at.inside, 2);
    const X x(layer.source, at, run, shared);
    const OutputRing<Pack, R> dys(layer, norm.dy, at, run, shared + X::kBytes * at.threads);
    const auto start = [&](int position, int i) {
      x.start(run, position + 1, i);
      dys.start(run, position, i);
      commit_copies();
    };
#pragma unroll
    for (int i = 0; i < kAhead; ++i) start(i * R - 1, group + i);
    float z[R + 2][X::kParts * X::V], du[R + 2][N] = {};
    x.load_row(run, -2, z[0]);
    x.load_row(run, -1, z[1]);
#pragma unroll 1
    for (int position = -1; position <= runs.run; position += R, ++group) {
      start(position + kAhead * R, group + kAhead);
      wait_copies<kAhead>();
      float dy[R][N], n[R][N], rstd[R], totals[2 * R] = {};
      x.take(run, position + 1, group, z + 2);
      dys.take(run, position, group, dy);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const bool there = run.has(position + r);
        const float mean = there ? norm.mean[run.row + position + r] : 0;
        rstd[r] = there ? norm.rstd[run.row + position + r] : 0;
#pragma unroll
        for (int k = 0; k < N; ++k) {
          n[r][k] = (conv(z + r, k) - mean) * rstd[r];
          totals[2 * r] += gamma[k] * dy[r][k];
          totals[2 * r + 1] += gamma[k] * dy[r][k] * n[r][k];
        }
      }
      row_totals(totals, parts[group % 2]);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const float mean_g = totals[2 * r] * of_sums, mean_gn = totals[2 * r + 1] * of_sums;
#pragma unroll
        for (int k = 0; k < N; ++k)
          du[2 + r][k] = rstd[r] * (gamma[k] * dy[r][k] - mean_g - n[r][k] * mean_gn);
        if (run.owns(position + r)) sums.add(z + r, dy[r], n[r], du[2 + r]);
        if (run.owns(position + r - 1)) {
          float ds[X::V] = {};
#pragma unroll
          for (int k = 0; k < N; ++k)
#pragma unroll
            for (int j = 0; j < 3; ++j)
              ds[k / Pack::kOut] += conv.weight[k * 3 + j] * du[2 + r - j][k];
          layer.source.write_kept_grad(run.row + position + r - 1, at.group, z[r], ds);
        }
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
#pragma unroll
        for (int v = 0; v < X::kParts * X::V; ++v) z[r][v] = z[R + r][v];
#pragma unroll
        for (int k = 0; k < N; ++k) du[r][k] = du[R + r][k];
      }
    }
  }
  if (!at.inside) return;
#pragma unroll
  for (int k = 0; k < sums.kSums; ++k)
    store(partial + (k * at.runs + at.run) * layer.outputs() + at.co, sums.sums[k]);
}

struct ParameterGrads {
  float *dgamma, *dbeta, *dbias, *dweight;  ///< dbias null: none
};

/// Adds partial (6, chunks, outputs): a block has 32 outputs of one of the sums.
__global__ void __launch_bounds__(kWarp* kWarp)
    add_run_sums(const float* partial, std::int64_t chunks, int outputs, ParameterGrads grads) {
  ORCHID_SHARED(float, parts, [kWarp][kWarp + 1]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y),
            first = static_cast<int>(blockIdx.x) * kWarp, sum = static_cast<int>(blockIdx.y);
  const float* const own = partial + sum * chunks * outputs + first + tx;
  float total = 0;
  if (first + tx < outputs) {
#pragma unroll 8
    for (std::int64_t chunk = ty; chunk < chunks; chunk += kWarp) total += own[chunk * outputs];
  }
  parts[ty][tx] = total;
  __syncthreads();
  total = warp_sum(parts[tx][ty]);
  const int co = first + ty;
  if (tx > 0 || co >= outputs) return;
  if (sum >= 3) {
    grads.dweight[co * 3 + sum - 3] += total;
  } else {
    float* const grad = sum == 0 ? grads.dgamma : sum == 1 ? grads.dbeta : grads.dbias;
    if (grad) grad[co] += total;
  }
}

template <class Rows, class Pack>
void grad_in_runs(Context& ctx, const ConvNormGrad& op, const Layer<Rows>& layer,
                  const NormGrad& norm) {
  constexpr int kMostBlocks = 264, kSums = PackSums<Rows, Pack>::kSums;
  const int outputs = layer.outputs();
  const RunBlocks blocks = run_blocks(op.dy->shape().rows(), layer.length, outputs / Pack::kSize);
  const LaunchConfig config = blocks.config(
      ctx, op.name, RowRing<Rows, Pack, kRows>::kBytes + OutputRing<Pack, kRows>::kBytes,
      kMostBlocks);
  const std::int64_t chunks = std::int64_t{config.grid.x} * config.block.y;
  Tensor partial = ctx.empty({kSums, chunks, outputs}, DType::f32);
  launch(config, conv_norm_grad_runs<Rows, Pack>, layer, norm, blocks.runs,
         elements<float>(partial));
  const ParameterGrads grads{elements<float>(*op.dgamma), elements<float>(*op.dbeta),
                             op.dbias.defined() ? elements<float>(*op.dbias) : nullptr,
                             elements<float>(*op.dweight)};
  launch({.grid = dim3(blocks_for(outputs, kWarp), kSums),
          .block = dim3(kWarp, kWarp),
          .stream = config.stream,
          .name = op.name},
         add_run_sums, elements<float>(partial), chunks, outputs, grads);
}

}  // namespace

void ConvNormGrad::cuda(Context& ctx) const {
  const std::int64_t rows = dy->shape().rows();
  NormGrad norm{elements<float>(*dy), elements<float>(*gamma), elements<float>(*mean),
                elements<float>(*rstd), nullptr};
  with_layer(*this, dx.tensor, [&](const auto& layer) {
    using Rows = std::remove_cvref_t<decltype(layer.source)>;
    const bool in_runs = with_run_pack(
        layer, kMostThreads,
        [&](auto pack) { grad_in_runs<Rows, decltype(pack)>(ctx, *this, layer, norm); }, norm.gamma,
        norm.dy);
    if (in_runs) return;
    Tensor scratch = ctx.empty(dy->shape(), DType::f32);
    norm.du = elements<float>(scratch);
    with_pack(
        layer,
        [&](auto pack) {
          using Pack = decltype(pack);
          RowBlocks blocks{.rows = rows, .run = 1, .kept = 0};
          const LaunchConfig config = row_launch<Pack>(ctx, name, layer.outputs(), 2, blocks);
          launch(config, norm_grad<Rows, Pack>, layer, norm, blocks);
          launch({.grid = dim3(blocks_for(rows, kRunRows, kRun),
                               blocks_for(layer.groups, kWarp, Pack::V)),
                  .block = dim3(kWarp, kRunRows),
                  .stream = config.stream,
                  .name = name},
                 input_grad<Rows, Pack::V, Pack::kOut, Pack::kTaps>, layer, norm.du, rows);
          parameter_grad<Rows, Pack::kTaps>(ctx, *this, layer, norm, rows);
        },
        norm.gamma, norm.dy, norm.du);
  });
}

}  // namespace orchid::ops
