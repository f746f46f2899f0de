#include "train/golden/golden.h"

#include <cmath>
#include <vector>

#include "model/mixers/orchid.h"
#include "train/checkpoint/safetensors.h"

namespace orchid::train {
namespace {

using Values = std::vector<double>;

Shape shape_of(const SafetensorsEntry& entry) {
  ORCHID_CHECK_INPUT(entry.shape.size() <= Shape::kMaxRank, entry.name, ": rank ",
                     entry.shape.size());
  const std::vector<std::int64_t>& s = entry.shape;
  switch (s.size()) {
    case 0:
      return {};
    case 1:
      return {s[0]};
    case 2:
      return {s[0], s[1]};
    case 3:
      return {s[0], s[1], s[2]};
    default:
      return {s[0], s[1], s[2], s[3]};
  }
}

Values read(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsEntry* entry = file.find(name);
  ORCHID_CHECK_INPUT(entry, "tensor \"", name, "\" is missing");
  Tensor tensor = Tensor::empty(shape_of(*entry), entry->dtype, make_host_pool());
  file.read(name, tensor);
  return values_of(tensor);
}

double norm(const Values& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

double difference(const Values& a, const Values& b) {
  Values delta(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) delta[i] = a[i] - b[i];
  return norm(delta);
}

using Outputs = std::map<std::string, Values>;

/// Fills `tensor` with the file's tensor `name` of equal count, first rounded to `rounding`.
void load(const SafetensorsFile& file, const std::string& name, DType rounding, Tensor& tensor) {
  Values values = read(file, name);
  ORCHID_CHECK_INPUT(std::ssize(values) == tensor.count(), "tensor \"", name, "\": expected ",
                     tensor.shape(), ", got ", shape_of(*file.find(name)));
  if (rounding == DType::bf16)
    for (double& value : values) value = Bfloat16(value);
  set_values(tensor, values);
}

/// Runs the operator forward, in evaluation too, and backward; parameters, x and dy are those of
/// the file in the precision `rounding`.
Outputs evaluate(Context& ctx, const SafetensorsFile& file, const GoldenConfig& config,
                 DType rounding) {
  const model::Init init(ctx, 0, model::LinearInit::uniform);
  model::OrchidMixer mixer(init, config.mixer, config.width, config.length);
  model::allocate_gradients(ctx, mixer);
  mixer.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                     load(file, "param." + path, rounding, parameter.value);
                   },
                   [&](const std::string& path, Tensor& buffer) {
                     load(file, "buffer." + path, DType::f64, buffer);
                   }});
  model::refresh_products(ctx, mixer);
  Tensor x = ctx.empty({config.batch, config.length, config.width}), dy = ctx.empty(x.shape());
  load(file, "x", rounding, x);
  load(file, "dy", rounding, dy);

  Outputs outputs;
  model::Tape off = model::Tape::off();
  outputs["y_eval"] = values_of(mixer.forward(ctx, x, {}, off));
  model::Tape tape(0, 0);
  outputs["y"] = values_of(mixer.forward(ctx, x, {}, tape));
  outputs["dx"] = values_of(mixer.backward(ctx, dy, tape));
  ORCHID_CHECK(tape.empty(), "backward left entries on the tape");
  mixer.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                     outputs["grad." + path] = values_of(parameter.grad);
                   },
                   [&](const std::string& path, Tensor& buffer) {
                     outputs["after." + path] = values_of(buffer);
                   }});
  return outputs;
}

/// What the outputs should be, and by how much (relative to their norm) each moves when the
/// projection alone is rounded to bf16.
struct Expectation {
  Outputs values;
  std::map<std::string, double> sensitivity;
};

/// As recorded; or for bf16 what double arithmetic makes of the rounded inputs and the rounded
/// projection, as a bf16 run stores it. Only what is recorded is compared.
Expectation expect(const Outputs& got, const SafetensorsFile& file, const GoldenConfig& config,
                   DType compute) {
  Expectation expected;
  for (const auto& [name, values] : got)
    if (file.find("f64." + name)) expected.values[name] = read(file, "f64." + name);
  if (compute != DType::bf16) return expected;
  Context exact({}, DType::f64), storing({}, DType::f64);
  storing.set_simulates_bf16(true);
  const Outputs unrounded = evaluate(exact, file, config, DType::bf16);
  const Outputs rounded = evaluate(storing, file, config, DType::bf16);
  for (auto& [name, values] : expected.values) {
    values = rounded.at(name);
    const double size = norm(values);
    if (size > 0) expected.sensitivity[name] = difference(values, unrounded.at(name)) / size;
  }
  return expected;
}

struct Bounds {
  double output, gradient;
};

Bounds bounds_of(DType compute) {
  if (compute == DType::f64) return {1e-9, 1e-9};
  return compute == DType::f32 ? Bounds{2e-5, 1e-4} : Bounds{1e-2, 3e-2};
}

void compare(const std::string& name, const Values& got, const Values& expected, double bound,
             double largest_gradient, GoldenResult& result) {
  ORCHID_CHECK_INPUT(expected.size() == got.size(), "tensor \"f64.", name, "\": expected ",
                     got.size(), " elements, got ", expected.size());
  const double size = norm(expected), delta = difference(got, expected);
  const bool zero = size < 1e-12;
  const double error = zero ? delta / (1e-5 * largest_gradient) : delta / size;
  if (zero) bound = 1;
  result.errors[name] = error;
  if (!(error <= bound)) result.pass = false;
  const GoldenResult::Worst& worst = result.worst;
  if (worst.tensor.empty() || !(error / bound <= worst.error / worst.bound))
    result.worst = {name, error, bound};
}

GoldenResult run_case(Context& ctx, const SafetensorsFile& file, const std::string& name) {
  const auto format = file.metadata().find("format");
  ORCHID_CHECK_INPUT(format != file.metadata().end() && format->second == "orchid-golden-1",
                     "expected a golden case (format \"orchid-golden-1\"), got format \"",
                     format == file.metadata().end() ? "" : format->second, "\"");
  const auto config_text = file.metadata().find("config");
  ORCHID_CHECK_INPUT(config_text != file.metadata().end(), "metadata: config is missing");
  const GoldenConfig config = parse_golden_config(config_text->second);
  const Outputs got = evaluate(ctx, file, config, ctx.compute());
  const Expectation expectation = expect(got, file, config, ctx.compute());
  const Outputs& expected = expectation.values;
  for (const char* needed : {"y", "dx"})
    ORCHID_CHECK_INPUT(expected.contains(needed), "tensor \"f64.", needed, "\" is missing");
  double largest_gradient = 0;
  for (const auto& [tensor, values] : expected)
    if (tensor.starts_with("grad.")) largest_gradient = std::max(largest_gradient, norm(values));

  GoldenResult result{"", name, true, {}, {}};
  const Bounds bounds = bounds_of(ctx.compute());
  for (const auto& [tensor, values] : expected) {
    double bound = tensor.starts_with("grad.") ? bounds.gradient : bounds.output;
    // A library may round the projection once more, before it adds the bias: no run can be closer
    // than such roundings move the result, which is much where large terms cancel.
    const auto moved = expectation.sensitivity.find(tensor);
    if (moved != expectation.sensitivity.end()) bound = std::max(bound, 2 * moved->second);
    compare(tensor, got.at(tensor), values, bound, largest_gradient, result);
  }
  return result;
}

}  // namespace

GoldenResult check_golden(Context& ctx, const std::filesystem::path& path) {
  return with_context(path.string(), [&] {
    const SafetensorsFile file = SafetensorsFile::open(path);
    GoldenResult result = run_case(ctx, file, path.stem().string());
    result.file = path.string();
    return result;
  });
}

}  // namespace orchid::train
