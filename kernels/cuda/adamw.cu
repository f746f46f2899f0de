#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/adamw.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

// --- AdamW ---------------------------------------------------------------------------------------

/// The op's numbers as one thread a range turns them into float32 factors.
struct Settings {
  double rate, decay, beta1, beta2, epsilon, grad_scale;
  std::int64_t step;
  bool decoupled;
  double offset;
};

/// Factors of the elements up to `end`.
struct RangeFactors {
  std::int64_t end;
  float keep;  ///< 1 - decay
  float size;  ///< rate / (1 - beta1^t)
};

/// Factors of all elements.
struct Factors {
  float scale;       ///< of gradients
  float correction;  ///< 1 / sqrt(1 - beta2^t)
  bool apply;
};

__global__ void __launch_bounds__(kBlock)
    find_factors(Settings s, const double* ranges, std::int64_t count, std::int64_t n,
                 const double* control, const std::int64_t* applied, RangeFactors* of_range,
                 Factors* of_all) {
  const std::int64_t i = grid_thread();
  if (i >= count) return;
  const double t = static_cast<double>(applied ? *applied : s.step);
  double rate = s.rate, decay = s.decay;
  if (ranges) {
    const double* const row = ranges + AdamW::kRangeFields * i;
    const double peak = row[1], offset = peak > 0 ? row[3] * s.offset : 0;
    rate = s.rate * peak + offset;
    const double share = offset > 0 ? rate / peak : s.rate;  // of the peak rate
    decay = (s.decoupled ? share : rate) * row[2];
  }
  of_range[i] = {ranges ? static_cast<std::int64_t>(ranges[AdamW::kRangeFields * i]) : n,
                 static_cast<float>(1.0 - decay),
                 static_cast<float>(rate / (1.0 - pow(s.beta1, t)))};
  if (i > 0) return;
  const double scale = control ? control[static_cast<int>(Control::scale)] : s.grad_scale;
  of_all->scale = static_cast<float>(scale);
  of_all->correction = static_cast<float>(1.0 / sqrt(1.0 - pow(s.beta2, t)));
  of_all->apply = !control || control[static_cast<int>(Control::apply)] != 0;
}

struct Arenas {
  float* value;
  const float* grad;
  float* m;
  float* v;
  __nv_bfloat16* product;  ///< may be null
};

struct Moments {
  float b1, c1, b2, c2, epsilon;
};

/// The first range that ends after element i; the last one ends after all.
inline __device__ int range_of(const RangeFactors* ranges, int count, std::int64_t i) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (ranges[middle].end <= i) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// One thread V elements: 28 bytes read or written for each, and 2 for the product.
template <int V>
__global__ void __launch_bounds__(kBlock)
    update(Arenas a, std::int64_t n, Moments k, const RangeFactors* ranges, int count,
           const Factors* factors) {
  if (!factors->apply) return;
  const std::int64_t i = grid_thread() * V;
  if (i >= n) return;
  int at = range_of(ranges, count, static_cast<std::int64_t>(blockIdx.x) * kBlock * V);
  RangeFactors range = ranges[at];
  const float scale = factors->scale, correction = factors->correction;
  float value[V], grad[V], m[V], v[V];
  load(a.value + i, value);
  load(a.grad + i, grad);
  load(a.m + i, m);
  load(a.v + i, v);
#pragma unroll
  for (int j = 0; j < V; ++j) {
    while (i + j >= range.end) range = ranges[++at];
    const float g = scale * grad[j];
    m[j] = k.b1 * m[j] + k.c1 * g;
    v[j] = k.b2 * v[j] + k.c2 * g * g;
    value[j] = range.keep * value[j] - range.size * m[j] / (sqrtf(v[j]) * correction + k.epsilon);
  }
  store(a.value + i, value);
  store(a.m + i, m);
  store(a.v + i, v);
  if (a.product) store(a.product + i, value);
}

// --- MovingAverage -------------------------------------------------------------------------------

/// One thread V elements: 12 bytes read or written for each.
template <int V>
__global__ void __launch_bounds__(kBlock)
    follow(const float* value, float* average, std::int64_t n, float take, bool warmup,
           const double* control, const std::int64_t* applied) {
  if (control && control[static_cast<int>(Control::apply)] == 0) return;
  const std::int64_t i = grid_thread() * V;
  if (i >= n) return;
  if (warmup) take = fmaxf(take, 9.0f / static_cast<float>(10 + *applied));
  float values[V], averages[V];
  load(value + i, values);
  load(average + i, averages);
#pragma unroll
  for (int v = 0; v < V; ++v) averages[v] += take * (values[v] - averages[v]);
  store(average + i, averages);
}

// --- Sums ----------------------------------------------------------------------------------------

/// The sum over the block, in every thread; in double, as the op promises.
inline __device__ double block_sum_double(double value) {
  ORCHID_SHARED(double, parts, [kBlock]);
  const int self = static_cast<int>(threadIdx.x);
  parts[self] = value;
  __syncthreads();
#pragma unroll
  for (int half = kBlock / 2; half > 0; half /= 2) {
    if (self < half) parts[self] += parts[self + half];
    __syncthreads();
  }
  return parts[0];
}

/// partial[block]: each thread sums every gridDim-th pack. One double addition for 4 bytes read
/// stays far below what the memory allows.
template <class T, int V>
__global__ void __launch_bounds__(kBlock) sum_squares(const T* x, std::int64_t n, double* partial) {
  double sum = 0;
  for (std::int64_t i = grid_thread() * V; i < n; i += grid_threads() * V) {
    float values[V];
    load(x + i, values);
#pragma unroll
    for (int v = 0; v < V; ++v)
      sum += static_cast<double>(values[v]) * static_cast<double>(values[v]);
  }
  const double total = block_sum_double(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

__global__ void __launch_bounds__(kBlock)
    add_partials(const double* partial, int count, double* result) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kBlock) sum += partial[i];
  const double total = block_sum_double(sum);
  if (threadIdx.x == 0) *result = total;
}

__global__ void decide(const double* sum_of_squares, int parts, const double* score,
                       const double* targets, double* control, std::int64_t* applied, double mean,
                       double clip_norm) {
  double sum = 0;
  for (int part = 0; part < parts; ++part) sum += sum_of_squares[part];
  const double share = targets ? mean / *targets : mean;
  const double loss = score[0], norm = sqrt(sum) * share;
  const bool apply = isfinite(loss) && isfinite(norm);
  const double clip = clip_norm > 0 ? fmin(1.0, clip_norm / (norm + 1e-6)) : 1.0;
  control[static_cast<int>(Control::scale)] = share * clip;
  control[static_cast<int>(Control::apply)] = apply ? 1 : 0;
  control[static_cast<int>(Control::norm)] = norm;
  control[static_cast<int>(Control::loss)] = loss;
  *applied += apply ? 1 : 0;
}

}  // namespace

void AdamW::cuda(Context& ctx) const {
  ORCHID_CHECK(value->dtype() == DType::f32, name, ": value: expected f32 on a GPU, got ",
               name_of(value->dtype()));
  const std::int64_t n = value->count(), count = ranges.defined() ? ranges->shape()[0] : 1;
  if (n == 0) return;
  const auto bytes = static_cast<std::int64_t>(sizeof(RangeFactors));
  Tensor factors = ctx.empty({(count + 1) * bytes}, DType::u8);
  auto* const of_range = static_cast<RangeFactors*>(factors.raw());
  static_assert(sizeof(Factors) <= sizeof(RangeFactors));
  auto* const of_all = reinterpret_cast<Factors*>(of_range + count);
  const cudaStream_t stream = stream_of(ctx);
  launch({.grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream, .name = name},
         find_factors,
         Settings{rate, decay, beta1, beta2, epsilon, grad_scale, step, decoupled, offset},
         ranges.defined() ? elements<double>(*ranges) : nullptr, count, n,
         control.defined() ? elements<double>(*control) : nullptr,
         applied.defined() ? elements<std::int64_t>(*applied) : nullptr, of_range, of_all);
  const Arenas arenas{elements<float>(*value), elements<float>(*grad), elements<float>(*m),
                      elements<float>(*v),
                      product.defined() ? elements<__nv_bfloat16>(*product) : nullptr};
  const Moments moments{static_cast<float>(beta1), static_cast<float>(1.0 - beta1),
                        static_cast<float>(beta2), static_cast<float>(1.0 - beta2),
                        static_cast<float>(epsilon)};
  const bool vectors =
      vectorizable<float>(n, arenas.value, arenas.grad, arenas.m, arenas.v, arenas.product);
  launch({.grid = blocks_for(n, kBlock, vectors ? 4 : 1, INT32_MAX),
          .block = kBlock,
          .stream = stream,
          .name = name},
         vectors ? update<4> : update<1>, arenas, n, moments, of_range, static_cast<int>(count),
         of_all);
}

void ClipScale::cuda(Context& ctx) const {
  launch({.grid = 1, .block = 1, .stream = stream_of(ctx), .name = name}, decide,
         elements<double>(*sum_of_squares), static_cast<int>(sum_of_squares->count()),
         elements<double>(*score), targets.defined() ? elements<double>(*targets) : nullptr,
         elements<double>(*control), elements<std::int64_t>(*applied), mean, clip_norm);
}

void MovingAverage::cuda(Context& ctx) const {
  ORCHID_CHECK(value->dtype() == DType::f32, name, ": value: expected f32 on a GPU, got ",
               name_of(value->dtype()));
  const std::int64_t n = value->count();
  if (n == 0) return;
  const float* const values = elements<float>(*value);
  float* const averages = elements<float>(*average);
  const bool vectors = vectorizable<float>(n, values, averages);
  launch({.grid = blocks_for(n, kBlock, vectors ? 4 : 1, INT32_MAX),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name},
         vectors ? follow<4> : follow<1>, values, averages, n, static_cast<float>(1 - decay),
         warmup, control.defined() ? elements<double>(*control) : nullptr,
         applied.defined() ? elements<std::int64_t>(*applied) : nullptr);
}

void SumOfSquares::cuda(Context& ctx) const {
  constexpr std::int64_t kMostBlocks = 1024, kPacksPerThread = 4;
  const std::int64_t n = x->count();
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = elements<T>(*x);
    const bool vectors = vectorizable<T>(n, from);
    const unsigned blocks =
        blocks_for(n, kBlock, kPacksPerThread * (vectors ? kLanes<T> : 1), kMostBlocks);
    Tensor partial = ctx.empty({static_cast<std::int64_t>(blocks)}, DType::f64);
    const cudaStream_t stream = stream_of(ctx);
    launch({.grid = blocks, .block = kBlock, .stream = stream, .name = name},
           vectors ? sum_squares<T, kLanes<T>> : sum_squares<T, 1>, from, n,
           elements<double>(partial));
    launch({.grid = 1, .block = kBlock, .stream = stream, .name = name}, add_partials,
           elements<double>(partial), static_cast<int>(blocks), elements<double>(*result));
  });
}

}  // namespace orchid::ops
