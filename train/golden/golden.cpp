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

Values download(const Tensor& tensor) {
  Values values(static_cast<std::size_t>(tensor.count()));
  dispatch_float(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* data = tensor.data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(data[i]);
  });
  return values;
}

Values read(Context& ctx, const SafetensorsFile& file, const std::string& name) {
  const SafetensorsEntry* entry = file.find(name);
  ORCHID_CHECK_INPUT(entry, "tensor \"", name, "\" is missing");
  Tensor tensor = ctx.empty(shape_of(*entry), entry->dtype);
  file.read(name, tensor);
  return download(tensor);
}

/// Fills `tensor` with the file's tensor `name` of equal count, converted to its type.
void load(Context& ctx, const SafetensorsFile& file, const std::string& name, Tensor& tensor) {
  const Values values = read(ctx, file, name);
  ORCHID_CHECK_INPUT(static_cast<std::int64_t>(values.size()) == tensor.count(), "tensor \"", name,
                     "\": expected ", tensor.shape(), ", got ", shape_of(*file.find(name)));
  dispatch_float(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* data = tensor.data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) data[i] = static_cast<T>(values[i]);
  });
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

/// Gathers the errors of one case.
class Comparison {
 public:
  Comparison(Context& ctx, const SafetensorsFile& file, GoldenResult& result)
      : ctx_(ctx), file_(file), result_(result) {
    for (const SafetensorsEntry& entry : file.entries())
      if (entry.name.starts_with("f64.grad."))
        largest_gradient_ = std::max(largest_gradient_, norm(read(ctx, file, entry.name)));
  }

  void add(const std::string& name, const Tensor& got, double bound) {
    const Values expected = read(ctx_, file_, "f64." + name), actual = download(got);
    ORCHID_CHECK_INPUT(expected.size() == actual.size(), "tensor \"f64.", name, "\": expected ",
                       actual.size(), " elements, got ", expected.size());
    const double size = norm(expected), delta = difference(actual, expected);
    const bool zero = size < 1e-12;
    const double error = zero ? delta / (1e-5 * largest_gradient_) : delta / size;
    if (zero) bound = 1;
    result_.errors[name] = error;
    if (!(error <= bound)) result_.pass = false;
    const GoldenResult::Worst& worst = result_.worst;
    if (worst.tensor.empty() || !(error / bound <= worst.error / worst.bound))
      result_.worst = {name, error, bound};
  }

 private:
  Context& ctx_;
  const SafetensorsFile& file_;
  GoldenResult& result_;
  double largest_gradient_ = 0;
};

GoldenResult run_case(Context& ctx, const SafetensorsFile& file, const std::string& name) {
  const auto format = file.metadata().find("format");
  ORCHID_CHECK_INPUT(format != file.metadata().end() && format->second == "orchid-golden-1",
                     "expected a golden case (format \"orchid-golden-1\"), got format \"",
                     format == file.metadata().end() ? "" : format->second, "\"");
  const auto config_text = file.metadata().find("config");
  ORCHID_CHECK_INPUT(config_text != file.metadata().end(), "metadata: config is missing");
  const GoldenConfig config = parse_golden_config(config_text->second);

  const model::Init init(ctx, 0, model::LinearInit::uniform);
  model::OrchidMixer mixer(init, config.mixer, config.width, config.length);
  model::allocate_gradients(ctx, mixer);
  mixer.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                     load(ctx, file, "param." + path, parameter.value);
                   },
                   [&](const std::string& path, Tensor& buffer) {
                     load(ctx, file, "buffer." + path, buffer);
                   }});
  Tensor x = ctx.empty({config.batch, config.length, config.width}), dy = ctx.empty(x.shape());
  load(ctx, file, "x", x);
  load(ctx, file, "dy", dy);

  GoldenResult result{"", name, true, {}, {}};
  Comparison compare(ctx, file, result);
  const bool f64 = ctx.compute() == DType::f64;
  const double output_bound = f64 ? 1e-9 : 2e-5, gradient_bound = f64 ? 1e-9 : 1e-4;
  if (file.find("f64.y_eval")) {
    model::Tape off = model::Tape::off();
    compare.add("y_eval", mixer.forward(ctx, x, {}, off), output_bound);
  }
  model::Tape tape(0, 0);
  compare.add("y", mixer.forward(ctx, x, {}, tape), output_bound);
  compare.add("dx", mixer.backward(ctx, dy, tape), output_bound);
  ORCHID_CHECK(tape.empty(), "backward left entries on the tape");
  mixer.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                     compare.add("grad." + path, parameter.grad, gradient_bound);
                   },
                   [&](const std::string& path, Tensor& buffer) {
                     if (file.find("f64.after." + path))
                       compare.add("after." + path, buffer, output_bound);
                   }});
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
