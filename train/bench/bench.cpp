#include "train/bench/bench.h"

#include <algorithm>
#include <chrono>

#include <sys/resource.h>

#include "kernels/core/philox.h"
#include "kernels/ops/arithmetic.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/matmul.h"
#include "model/mixers/orchid.h"

namespace orchid::train {
namespace {

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

double percentile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(position + 0.5)];
}

Timing timing_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {percentile(times, 0.5), percentile(times, 0.1), percentile(times, 0.9),
          static_cast<int>(times.size())};
}

/// Uniform in [-1, 1); what is longer than a million repeats the first million.
Tensor random_tensor(Context& ctx, const Shape& shape, std::uint64_t item) {
  constexpr std::int64_t kDistinct = 1 << 20;
  const std::int64_t count = shape.count(), distinct = std::min(count, kDistinct);
  const Philox philox(1, RandomPurpose::test);
  std::vector<double> values(static_cast<std::size_t>(distinct));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 2 * philox.uniform(item, i) - 1;
  Tensor block = ctx.empty({distinct});
  set_values(block, values);
  Tensor tensor = ctx.empty(shape);
  for (std::int64_t done = 0; done < count; done += distinct) {
    const Shape part{std::min(distinct, count - done)};
    Tensor to = tensor.slice(done, part);
    copy(block.slice(0, part), to);
  }
  return tensor;
}

bool on_gpu(const Context& ctx) {
  return ctx.device().type == DeviceType::cuda;
}

/// Work of forward and backward, counted without doing it.
Context::Tally plan_orchid(const BenchCase& bench, DType compute) {
  Context ctx = Context::planning(compute);
  model::OrchidMixer mixer(model::Init(ctx, 0, model::LinearInit::uniform), bench.mixer,
                           bench.width, bench.length);
  model::allocate_gradients(ctx, mixer);
  model::refresh_products(ctx, mixer);
  ctx.tally = {};
  const Tensor x = ctx.empty({bench.batch, bench.length, bench.width});
  model::Tape tape(0, 0);
  mixer.backward(ctx, mixer.forward(ctx, x, {}, tape), tape);
  return ctx.tally;
}

/// Times both pieces of work, and what the ops of `step` share.
BenchResult measure(Context& ctx, const std::string& name, const Shape& shape,
                    const std::function<void()>& forward, const std::function<void()>& step,
                    const Context::Tally& work) {
  BenchResult result;
  result.name = name;
  result.batch = shape[0];
  result.length = shape[1];
  result.width = shape[2];
  result.device = str(ctx.device());
  result.precision = name_of(ctx.compute());
  result.threads = ctx.threads();
  result.forward = time_work(ctx, forward);
  result.total = time_work(ctx, step);
  result.peak_bytes = peak_bytes(ctx);

  Trace trace;
  ctx.trace = &trace;
  constexpr int kTraced = 10;
  for (int i = 0; i < kTraced; ++i) step();
  ctx.trace = nullptr;
  for (const Trace::Entry& entry : trace.entries())
    result.ops.push_back({entry.name, entry.seconds * 1e3 / kTraced, entry.calls / kTraced});

  result.flops = work.flops;
  result.bytes = work.bytes;
  result.copy_gb_s = measure_copy_gb_s(ctx);
  result.gemm_gflop_s = measure_gemm_gflop_s(ctx);
  return result;
}

}  // namespace

Timing time_work(Context& ctx, const std::function<void()>& work, double seconds) {
  constexpr std::int64_t kSweep = std::int64_t{256} << 20;  ///< bytes; beyond the L2 cache of a GPU
  const bool gpu = on_gpu(ctx);
  const std::size_t least = gpu ? 50 : 20;
  Tensor sweep = gpu ? ctx.empty({kSweep}, DType::u8) : Tensor();
  for (int i = 0; i < (gpu ? 20 : 3); ++i) work();
  std::vector<double> times;
  const double begin = now_ms();
  while (times.size() < 1000 && (times.size() < least || now_ms() - begin < seconds * 1e3)) {
    if (gpu) {
      sweep.memory()->zero(sweep.raw(), sweep.bytes());
      times.push_back(time_cuda_work(ctx, work));
      continue;
    }
    const double start = now_ms();
    work();
    times.push_back(now_ms() - start);
  }
  return timing_of(times);
}

Timing time_steps(Context& ctx, const std::function<void()>& step) {
  if (!on_gpu(ctx)) return time_work(ctx, step);
  constexpr std::size_t kWarmUp = 20, kSteps = 50;
  time_cuda_queue(ctx, step, kWarmUp);
  return timing_of(time_cuda_queue(ctx, step, kSteps));
}

BenchResult bench_orchid(Context& ctx, const BenchCase& bench) {
  model::validate(bench.mixer, bench.length);
  model::OrchidMixer mixer(model::Init(ctx, 1, model::LinearInit::uniform), bench.mixer,
                           bench.width, bench.length);
  model::allocate_gradients(ctx, mixer);
  model::refresh_products(ctx, mixer);
  const Shape shape{bench.batch, bench.length, bench.width};
  const Tensor x = random_tensor(ctx, shape, 1), dy = random_tensor(ctx, shape, 2);
  const auto forward = [&] {
    model::Tape off = model::Tape::off();
    mixer.forward(ctx, x, {}, off);
  };
  const auto step = [&] {
    model::Tape tape(0, 0);
    mixer.forward(ctx, x, {}, tape);
    mixer.backward(ctx, dy, tape);
  };
  return measure(ctx, bench.name, shape, forward, step, plan_orchid(bench, ctx.compute()));
}

BenchResult bench_attention(Context& ctx, const AttentionCase& bench) {
  const auto [B, L, D, heads] = bench;
  const Shape shape{B, L, D}, wide = shape.with_last(3 * D);
  const Tensor qkv = random_tensor(ctx, wide, 1), dy = random_tensor(ctx, shape, 2);
  const auto forward = [&](Context& on, const Tensor& from, Tensor& y, Tensor& sums) {
    run(on,
        ops::Attention{.qkv = from, .mask = {}, .y = y, .logsumexp = sums, .heads = bench.heads});
  };
  const auto both = [&](Context& on, const Tensor& from, const Tensor& grad) {
    Tensor y = on.empty(shape), dqkv = on.empty(wide);
    Tensor sums = on.empty({bench.batch, bench.heads, bench.length}, on.accumulate());
    forward(on, from, y, sums);
    run(on, ops::AttentionGrad{.dy = grad,
                               .qkv = from,
                               .mask = {},
                               .y = y,
                               .logsumexp = sums,
                               .dqkv = dqkv,
                               .heads = bench.heads});
  };
  Context planned = Context::planning(ctx.compute());
  both(planned, planned.empty(wide), planned.empty(shape));
  Tensor y = ctx.empty(shape), sums = ctx.empty({B, heads, L}, ctx.accumulate());
  return measure(
      ctx, str("attention ", heads, " heads"), shape, [&] { forward(ctx, qkv, y, sums); },
      [&] { both(ctx, qkv, dy); }, planned.tally);
}

double measure_copy_gb_s(Context& ctx) {
  const Shape shape{on_gpu(ctx) ? 32768 : 4096, 4096};
  const Tensor from = random_tensor(ctx, shape, 5);
  Tensor to = ctx.empty(shape);
  const Timing timing = time_work(
      ctx, [&] { run(ctx, ops::CopyColumns{.x = from, .y = to}); }, 0.2);
  return 2 * static_cast<double>(from.bytes()) / timing.median_ms * 1e-6;
}

double measure_gemm_gflop_s(Context& ctx) {
  const std::int64_t m = on_gpu(ctx) ? 8192 : 1024, n = on_gpu(ctx) ? 8192 : 768,
                     k = on_gpu(ctx) ? 8192 : 256;
  const Tensor a = random_tensor(ctx, {m, k}, 3), b = random_tensor(ctx, {n, k}, 4);
  Tensor c = ctx.empty({m, n});
  const auto work = [&] {
    run(ctx, ops::Matmul{.a = a, .b = b, .bias = {}, .c = c, .transpose_b = true});
  };
  return 2.0 * static_cast<double>(m * n * k) / time_work(ctx, work, 0.3).median_ms * 1e-6;
}

double peak_bytes(const Context& ctx) {
  if (on_gpu(ctx)) return static_cast<double>(ctx.memory()->peak());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace orchid::train
