#include "train/bench/bench_step.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "kernels/core/philox.h"
#include "kernels/ops/arithmetic.h"
#include "model/plan.h"
#include "train/assemble.h"
#include "train/config/load.h"
#include "train/log/json_writer.h"
#include "train/micro_step.h"
#include "train/optim/optimizer.h"

namespace orchid::train {
namespace {

/// Random tokens. Masked language modelling: every fifth of the positions masked, about the mean of
/// the recipes; else all of full length, of class or score 1.
data::Batch random_batch(const TaskConfig& task, std::int64_t batch, std::int64_t length,
                         std::int64_t vocabulary) {
  const Philox philox(1, RandomPurpose::test);
  const auto token = [&](std::int64_t i) {
    const auto words = philox.words(0, static_cast<std::uint64_t>(i));
    return static_cast<std::int32_t>(
        Philox::below(static_cast<std::uint32_t>(vocabulary), words[0]));
  };
  const std::shared_ptr<Memory> host = make_host_pool();
  data::Batch result;
  result.inputs = Tensor::empty({batch, length}, DType::i32, host);
  for (std::int64_t i = 0; i < batch * length; ++i)
    result.inputs.data<std::int32_t>()[i] = token(i);
  result.samples = batch;
  result.tokens = batch * length;
  if (!std::holds_alternative<MlmTaskConfig>(task)) {
    result.lengths = Tensor::empty({batch}, DType::i32, host);
    result.targets = Tensor::empty({batch}, DType::i32, host);
    result.scores = Tensor::empty({batch}, DType::f32, host);
    std::fill_n(result.lengths.data<std::int32_t>(), batch, static_cast<std::int32_t>(length));
    std::fill_n(result.targets.data<std::int32_t>(), batch, 1);
    std::fill_n(result.scores.data<float>(), batch, 1.0f);
    return result;
  }
  const std::int64_t count = std::max<std::int64_t>(1, batch * length / 5);
  result.positions = Tensor::empty({count}, DType::i32, host);
  result.targets = Tensor::empty({count}, DType::i32, host);
  for (std::int64_t m = 0; m < count; ++m) {
    result.positions.data<std::int32_t>()[m] =
        static_cast<std::int32_t>(m * batch * length / count);
    result.targets.data<std::int32_t>()[m] = token(-1 - m);
  }
  return result;
}

/// Random pixels of class 1.
data::Batch random_pictures(std::int64_t batch, const model::VitConfig& vit) {
  const Philox philox(1, RandomPurpose::test);
  const std::shared_ptr<Memory> host = make_host_pool();
  data::Batch result;
  result.images =
      Tensor::empty({batch, vit.image_size, vit.image_size, vit.channels}, DType::f32, host);
  for (std::int64_t i = 0; i < result.images.count(); ++i) {
    const auto words = philox.words(0, static_cast<std::uint64_t>(i));
    result.images.data<float>()[i] = static_cast<float>(words[0]) * 0x1p-31f - 1;
  }
  result.targets = Tensor::empty({batch}, DType::i32, host);
  std::fill_n(result.targets.data<std::int32_t>(), batch, 1);
  result.samples = batch;
  return result;
}

data::Batch random_batch(const RunConfig& config, std::int64_t batch, std::int64_t length) {
  if (const auto* vit = std::get_if<model::VitConfig>(&config.model))
    return random_pictures(batch, *vit);
  return random_batch(config.task, batch, length,
                      std::get<model::BertConfig>(config.model).vocabulary);
}

}  // namespace

StepResult bench_step(const std::string& file, const std::vector<std::string>& sets) {
  const RunConfig config = load_config(file, sets);
  Context ctx = make_context(config);
  const std::unique_ptr<Task> task = make_task(config.task);
  const auto network = model::build_model(ctx, config.model, config.seed, task->head());
  Optimizer optimizer(ctx, config.optimizer,
                      [&](const model::Visitor& visitor) { network->visit("", visitor); });
  model::refresh_products(ctx, *network);
  StepResult result;
  result.config = config.name;
  result.batch = config.batch.per_device;
  result.length = length_of(config);
  result.device = str(ctx.device());
  result.precision = name_of(ctx.compute());
  result.threads = ctx.threads();
  const data::Batch batch = random_batch(config, result.batch, result.length);
  result.targets = task->targets(batch);
  const double mean = 1 / static_cast<double>(result.targets);
  std::uint64_t steps = 0;
  const auto step_with = [&](MicroStep& micro) {
    optimizer.zero_grad(ctx);
    micro.sums().memory()->zero(micro.sums().raw(), micro.sums().bytes());
    micro.run(batch, steps++);
    optimizer.update(ctx, micro.sums(), {}, mean, 1);
  };
  const bool record = result.device != "cpu" && config.cuda_graphs == CudaGraphs::automatic;
  MicroStep fast(ctx, *network, *task, config.seed, record);
  result.step = time_steps(ctx, [&] { step_with(fast); });
  result.peak_bytes = peak_bytes(ctx);
  result.tokens_per_s =
      static_cast<double>(result.batch * result.length) / result.step.median_ms * 1e3;

  Trace trace;
  ctx.trace = &trace;
  constexpr int kTraced = 5;
  MicroStep traced(ctx, *network, *task, config.seed, false);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kTraced; ++i) step_with(traced);
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - begin;
  ctx.trace = nullptr;
  result.outside_ms = (elapsed.count() - trace.total_seconds() * 1e3) / kTraced;
  for (const Trace::Entry& entry : trace.entries())
    result.ops.push_back({entry.name, entry.seconds * 1e3 / kTraced, entry.calls / kTraced});

  const model::Plan plan =
      model::plan_model(config.model, result.batch, result.length, result.targets,
                        {ctx.compute(), ctx.device().type == DeviceType::cuda, task->head()});
  result.flops = plan.forward_flops + plan.backward_flops;
  result.bytes = plan.bytes_moved;
  result.copy_gb_s = measure_copy_gb_s(ctx);
  result.gemm_gflop_s = measure_gemm_gflop_s(ctx);
  return result;
}

std::string step_json(const StepResult& result) {
  JsonWriter json;
  json.begin_object().key("cases").begin_array().begin_object().member("config", result.config);
  json.key("shape").begin_array().value(result.batch).value(result.length).end_array();
  json.member("targets", result.targets).member("threads", result.threads);
  json.member("device", result.device).member("precision", result.precision);
  json.member("median_ms", result.step.median_ms).member("p10_ms", result.step.p10_ms);
  json.member("p90_ms", result.step.p90_ms).member("repeats", result.step.repeats);
  json.member("tokens_per_s", result.tokens_per_s);
  json.member("bytes", result.bytes).member("flops", result.flops);
  json.member("peak_bytes", result.peak_bytes).member("copy_gb_s", result.copy_gb_s);
  json.member("gemm_gflop_s", result.gemm_gflop_s).member("outside_ms", result.outside_ms);
  json.key("ops").begin_array();
  for (const OpShare& op : result.ops)
    json.begin_object()
        .member("op", op.op)
        .member("ms", op.ms)
        .member("calls", op.calls)
        .end_object();
  json.end_array().end_object().end_array().end_object();
  return json.text();
}

std::string step_text(const StepResult& result) {
  char line[240];
  std::snprintf(line, sizeof line,
                "%s: (%lld, %lld), %lld targets, %s, %s, %d threads\n"
                "  step %.2f ms (p10 %.2f, p90 %.2f), %.0f tokens/s, %.2f ms outside ops\n",
                result.config.c_str(), static_cast<long long>(result.batch),
                static_cast<long long>(result.length), static_cast<long long>(result.targets),
                result.device.c_str(), result.precision.c_str(), result.threads,
                result.step.median_ms, result.step.p10_ms, result.step.p90_ms, result.tokens_per_s,
                result.outside_ms);
  std::string text = line;
  std::snprintf(line, sizeof line,
                "  floor: %.2f GFLOP at %.0f GFLOP/s (product) %.2f ms; highest memory %.0f MiB\n",
                result.flops * 1e-9, result.gemm_gflop_s, result.flops / result.gemm_gflop_s * 1e-6,
                result.peak_bytes / 1048576);
  text += line;
  for (const OpShare& op : result.ops) {
    std::snprintf(line, sizeof line, "    %-24s %8.3f ms  x%lld\n", op.op.c_str(), op.ms,
                  static_cast<long long>(op.calls));
    text += line;
  }
  return text;
}

}  // namespace orchid::train
