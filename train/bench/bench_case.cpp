#include "train/bench/bench_case.h"

#include <cmath>
#include <cstdio>

#include "train/config/load.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

/// What a group of ops took, as the floors are counted: products, transforms, everything else.
struct Groups {
  double products = 0, transforms = 0, pointwise = 0;
};

Groups group(const std::vector<OpShare>& ops) {
  Groups groups;
  for (const OpShare& op : ops) {
    const bool product = op.op.starts_with("matmul");
    const bool transform =
        op.op.starts_with("fft_conv") || op.op.find("transform") != std::string::npos;
    (product ? groups.products : transform ? groups.transforms : groups.pointwise) += op.ms;
  }
  return groups;
}

std::string format(const char* pattern, auto... values) {
  char line[200];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

std::string case_name(const model::OrchidMixerConfig& mixer) {
  return str("orchid ", enum_name(mixer.kernel), " ", enum_name(mixer.transform));
}

RunConfig config_for(std::int64_t length, std::int64_t width, const std::vector<std::string>& sets,
                     const char* mixer = model::OrchidMixerConfig::type) {
  const std::string config = str(
      R"({"name": "bench", "model": {"type": "bert", "length": )", length,
      R"(, "encoder": {"width": )", width, R"(, "mlp": {"blocks": 1}, "mixer": {"type": ")", mixer,
      R"("}}},)",
      R"("task": {"type": "mlm"}, "data": {"type": "text_shards", "train": "-", "valid": "-", "length": )",
      length, "}}");
  return parse_config(config, "bench", sets);
}

std::vector<std::string> inside_encoder(const std::vector<std::string>& sets) {
  std::vector<std::string> inside;
  for (const std::string& set : sets) inside.push_back("model.encoder." + set);
  return inside;
}

}  // namespace

std::vector<BenchCase> standard_orchid_cases() {
  std::vector<BenchCase> cases;
  const std::int64_t shapes[][3] = {{8, 128, 256}, {2, 1024, 256}, {1, 8192, 128}};
  for (const auto& [batch, length, width] : shapes)
    for (const model::Kernel kernel : {model::Kernel::phase, model::Kernel::correlation})
      for (const auto kind : {ops::TransformKind::fft_ortho, ops::TransformKind::dct_ortho}) {
        model::OrchidMixerConfig mixer;
        mixer.kernel = kernel;
        mixer.transform = kind;
        mixer.filter.width = 64;
        cases.push_back({case_name(mixer), mixer, batch, length, width});
      }
  return cases;
}

BenchCase orchid_case(std::int64_t batch, std::int64_t length, std::int64_t width,
                      const std::vector<std::string>& sets) {
  const RunConfig run = config_for(length, width, inside_encoder(sets));
  const auto& bert = std::get<model::BertConfig>(run.model);
  const auto& mixer = std::get<model::OrchidMixerConfig>(bert.encoder.mixer);
  return {case_name(mixer), mixer, batch, length, width};
}

AttentionCase attention_case(std::int64_t batch, std::int64_t length, std::int64_t width,
                             const std::vector<std::string>& sets) {
  const RunConfig run =
      config_for(length, width, inside_encoder(sets), model::AttentionMixerConfig::type);
  const auto& bert = std::get<model::BertConfig>(run.model);
  const auto& mixer = std::get<model::AttentionMixerConfig>(bert.encoder.mixer);
  return {batch, length, width, mixer.heads};
}

RunConfig bench_run(const std::vector<std::string>& sets) {
  return config_for(64, 64, sets);
}

std::string bench_json(const BenchResult& result) {
  JsonWriter json;
  json.begin_object().member("op", result.name).key("shape").begin_array();
  json.value(result.batch).value(result.length).value(result.width).end_array();
  json.member("device", result.device).member("precision", result.precision);
  json.member("threads", result.threads);
  json.member("median_ms", result.total.median_ms).member("p10_ms", result.total.p10_ms);
  json.member("p90_ms", result.total.p90_ms).member("repeats", result.total.repeats);
  json.member("forward_median_ms", result.forward.median_ms);
  json.member("bytes", result.bytes).member("flops", result.flops);
  json.member("peak_bytes", result.peak_bytes).member("copy_gb_s", result.copy_gb_s);
  json.member("gemm_gflop_s", result.gemm_gflop_s);
  const Groups groups = group(result.ops);
  json.key("groups").begin_object().member("products_ms", groups.products);
  json.member("transforms_ms", groups.transforms).member("pointwise_ms", groups.pointwise);
  json.end_object().key("ops").begin_array();
  for (const OpShare& op : result.ops)
    json.begin_object()
        .member("op", op.op)
        .member("ms", op.ms)
        .member("calls", op.calls)
        .end_object();
  json.end_array().end_object();
  return json.text();
}

std::string bench_text(const BenchResult& result) {
  std::string text =
      format("%s (%lld, %lld, %lld), %s, %s, %d threads\n", result.name.c_str(),
             static_cast<long long>(result.batch), static_cast<long long>(result.length),
             static_cast<long long>(result.width), result.device.c_str(), result.precision.c_str(),
             result.threads);
  text += format("  forward            %9.2f ms   (p10 %.2f, p90 %.2f)\n", result.forward.median_ms,
                 result.forward.p10_ms, result.forward.p90_ms);
  text += format("  forward + backward %9.2f ms   (p10 %.2f, p90 %.2f)\n", result.total.median_ms,
                 result.total.p10_ms, result.total.p90_ms);
  const Groups groups = group(result.ops);
  text += format("  products %.2f ms, transforms and long convolutions %.2f ms, the rest %.2f ms\n",
                 groups.products, groups.transforms, groups.pointwise);
  text += format(
      "  floors: %.2f GFLOP at %.0f GFLOP/s (product) %.2f ms; %.0f MB at %.1f GB/s (copy) %.2f "
      "ms\n",
      result.flops * 1e-9, result.gemm_gflop_s, result.flops / result.gemm_gflop_s * 1e-6,
      result.bytes * 1e-6, result.copy_gb_s, result.bytes / result.copy_gb_s * 1e-6);
  text += format("  highest memory %.0f MiB\n", result.peak_bytes / 1048576);
  for (const OpShare& op : result.ops)
    text += format("    %-24s %8.3f ms  x%lld\n", op.op.c_str(), op.ms,
                   static_cast<long long>(op.calls));
  return text;
}

}  // namespace orchid::train
