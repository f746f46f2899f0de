#include <CLI/CLI.hpp>

#include "model/config_enums.h"
#include "train/cli.h"
#include "train/golden/golden.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

struct GoldenOptions {
  std::vector<std::string> files;
  std::string device = "auto";
  std::string precision = "float32";
  std::string transforms = "auto";
  bool json = false;
};

void write_case(JsonWriter& json, const GoldenResult& result, const Context& ctx,
                const std::string& precision) {
  json.begin_object().member("file", result.file).member("name", result.name);
  json.member("pass", result.pass).member("device", str(ctx.device()));
  json.member("precision", precision).key("errors").begin_object();
  for (const auto& [tensor, error] : result.errors) json.member(tensor, error);
  json.end_object().key("worst").begin_object();
  json.member("tensor", result.worst.tensor).member("error", result.worst.error);
  json.member("bound", result.worst.bound).end_object().end_object();
}

int run_golden(const GoldenOptions& options) {
  const DType dtype = options.precision == "float64" ? DType::f64
                      : options.precision == "bf16"  ? DType::bf16
                                                     : DType::f32;
  const bool automatic = options.device == "auto" && dtype == DType::f64;
  Context ctx(parse_device(automatic ? "cpu" : options.device), dtype);
  ctx.state<ops::TransformChoice>().method = parse_enum<ops::TransformMethod>(options.transforms);
  JsonWriter json(2);
  json.begin_object().key("cases").begin_array();
  std::string text;
  std::size_t passed = 0;
  for (const std::string& file : options.files) {
    const GoldenResult result = check_golden(ctx, file);
    passed += result.pass ? 1 : 0;
    write_case(json, result, ctx, options.precision);
    text +=
        str(result.pass ? "pass  " : "FAIL  ", result.name, "\n      worst ", result.worst.tensor,
            ": ", result.worst.error, ", bound ", result.worst.bound, "\n");
  }
  json.end_array().end_object();
  text += str(passed, " of ", options.files.size(), " cases within bounds, ", options.precision,
              " on ", ctx.device());
  print_answer(options.json, json.text(), text);
  return passed == options.files.size() ? 0 : 1;
}

}  // namespace

void add_check_golden(CLI::App& app, Action& action) {
  auto options = std::make_shared<GoldenOptions>();
  CLI::App* verb = app.add_subcommand("check-golden",
                                      "Compare the operator with recorded outputs and gradients");
  verb->add_option("files", options->files, "golden cases, .safetensors")->required();
  verb->add_option("--device", options->device, "auto | cpu | cuda[:index]");
  verb->add_option("--precision", options->precision, "float32 | float64 (CPU) | bf16 (GPU)")
      ->check(CLI::IsMember({"float32", "float64", "bf16"}));
  verb->add_option("--transforms", options->transforms,
                   "cosine transforms on a GPU: auto | fft | product | fused")
      ->check(CLI::IsMember({"auto", "fft", "product", "fused"}));
  verb->add_flag("--json", options->json, "print JSON");
  verb->footer(
      examples({"orchid check-golden tests/golden/*.safetensors",
                "orchid check-golden tests/golden/*.safetensors --precision float64 --json"}));
  verb->callback([options, &action] { action = [options] { return run_golden(*options); }; });
}

}  // namespace orchid::train
