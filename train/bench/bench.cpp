#include "train/bench/bench.h"

#include <algorithm>
#include <chrono>

#include <sys/resource.h>

#include "kernels/core/philox.h"
#include "kernels/ops/arithmetic.h"
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

Tensor random_tensor(Context& ctx, const Shape& shape, std::uint64_t item) {
  Tensor tensor = ctx.empty(shape);
  const Philox philox(1, RandomPurpose::test);
  float* data = tensor.data<float>();
  for (std::int64_t i = 0; i < shape.count(); ++i)
    data[i] = static_cast<float>(2 * philox.uniform(item, static_cast<std::uint64_t>(i)) - 1);
  return tensor;
}

/// Work of forward and backward, counted without doing it.
Context::Tally plan_orchid(const BenchCase& bench) {
  Context ctx = Context::planning();
  model::OrchidMixer mixer(model::Init(ctx, 0, model::LinearInit::uniform), bench.mixer,
                           bench.width, bench.length);
  model::allocate_gradients(ctx, mixer);
  const Tensor x = ctx.empty({bench.batch, bench.length, bench.width});
  model::Tape tape(0, 0);
  mixer.backward(ctx, mixer.forward(ctx, x, {}, tape), tape);
  return ctx.tally;
}

}  // namespace

Timing time_work(const std::function<void()>& work, double seconds) {
  for (int i = 0; i < 3; ++i) work();
  std::vector<double> times;
  const double begin = now_ms();
  while (times.size() < 1000 && (times.size() < 20 || now_ms() - begin < seconds * 1e3)) {
    const double start = now_ms();
    work();
    times.push_back(now_ms() - start);
  }
  std::sort(times.begin(), times.end());
  return {percentile(times, 0.5), percentile(times, 0.1), percentile(times, 0.9),
          static_cast<int>(times.size())};
}

BenchResult bench_orchid(const BenchCase& bench, int threads) {
  model::validate(bench.mixer, bench.length);
  Context ctx(Device{}, DType::f32, threads);
  model::OrchidMixer mixer(model::Init(ctx, 1, model::LinearInit::uniform), bench.mixer,
                           bench.width, bench.length);
  model::allocate_gradients(ctx, mixer);
  const Shape shape{bench.batch, bench.length, bench.width};
  const Tensor x = random_tensor(ctx, shape, 1), dy = random_tensor(ctx, shape, 2);

  BenchResult result;
  result.name = bench.name;
  result.batch = bench.batch;
  result.length = bench.length;
  result.width = bench.width;
  result.threads = ctx.threads();
  result.forward = time_work([&] {
    model::Tape off = model::Tape::off();
    mixer.forward(ctx, x, {}, off);
  });
  const auto step = [&] {
    model::Tape tape(0, 0);
    mixer.forward(ctx, x, {}, tape);
    mixer.backward(ctx, dy, tape);
  };
  result.total = time_work(step);
  result.peak_bytes = peak_resident_bytes();

  Trace trace;
  ctx.trace = &trace;
  constexpr int kTraced = 10;
  for (int i = 0; i < kTraced; ++i) step();
  ctx.trace = nullptr;
  for (const Trace::Entry& entry : trace.entries())
    result.ops.push_back({entry.name, entry.seconds * 1e3 / kTraced, entry.calls / kTraced});

  const Context::Tally tally = plan_orchid(bench);
  result.flops = tally.flops;
  result.bytes = tally.bytes;
  result.copy_gb_s = measure_copy_gb_s(ctx);
  result.gemm_gflop_s = measure_gemm_gflop_s(ctx, 1024, 768, 256);
  return result;
}

double measure_copy_gb_s(Context& ctx) {
  const Shape shape{4096, 4096};
  const Tensor from = ctx.zeros(shape);
  Tensor to = ctx.empty(shape);
  const Timing timing = time_work([&] { run(ctx, ops::CopyColumns{.x = from, .y = to}); }, 0.2);
  return 2 * static_cast<double>(from.bytes()) / timing.median_ms * 1e-6;
}

double measure_gemm_gflop_s(Context& ctx, std::int64_t m, std::int64_t n, std::int64_t k) {
  const Tensor a = random_tensor(ctx, {m, k}, 3), b = random_tensor(ctx, {n, k}, 4);
  Tensor c = ctx.empty({m, n});
  const Timing timing = time_work(
      [&] { run(ctx, ops::Matmul{.a = a, .b = b, .bias = {}, .c = c, .transpose_b = true}); }, 0.3);
  return 2.0 * static_cast<double>(m * n * k) / timing.median_ms * 1e-6;
}

double peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace orchid::train
