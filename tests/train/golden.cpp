#include "train/golden/golden.h"

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/op_check.h"

using namespace orchid;
using orchid::test::require_error;

namespace {

std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "tests/golden"))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("golden: the operator gives the authors' outputs and gradients", "[train][golden]") {
  const auto files = golden_files();
  REQUIRE(files.size() >= 15);
  for (const DType dtype : {DType::f32, DType::f64}) {
    Context ctx({}, dtype, 2);
    for (const auto& file : files) {
      const train::GoldenResult result = train::check_golden(ctx, file);
      INFO(result.name << " in " << name_of(dtype) << ": worst " << result.worst.tensor << ": "
                       << result.worst.error << ", bound " << result.worst.bound);
      CHECK(result.pass);
      CHECK(result.errors.size() > 10);
    }
  }
}

TEST_CASE("golden: a wrong file is refused by name", "[train][golden]") {
  Context ctx;
  require_error([&] { train::check_golden(ctx, "no/such/file.safetensors"); }, "no/such/file");
}

TEST_CASE("golden: the reference's options map to ours", "[train][golden]") {
  const auto parse = [](const std::string& options) {
    return train::parse_golden_config(
               R"({"B":1,"L":8,"d_model":4,"causal":false,"type":"corrTime","dxt":"fft-o")" +
               options + "}")
        .mixer;
  };
  CHECK(parse(R"(,"actq":"id")").sigma == "identity");
  CHECK(parse(R"(,"actq":"swish_abs")").sigma == "silu_abs");
  CHECK(parse(R"(,"actq":"softshrink+0.5")").sigma == "softshrink+0.5");
  CHECK(parse(R"(,"nn":"mlp-conv1d")").conditioning == model::Conditioning::mlp);
  CHECK(parse(R"(,"nn":"conv2t")").conditioning == model::Conditioning::t);
  CHECK(!parse(R"(,"residual_long_conv":null)").residual_convolution);
  CHECK(!parse(R"(,"lr_pos_emb":0.0)").filter.positions_trainable);
  require_error([&] { parse(R"(,"nn":"convf")"); }, "two branches");
  require_error([&] { parse(R"(,"nn":"conv9")"); }, "nn: \"conv9\" is not supported");
  require_error([&] { parse(R"(,"order":"two")"); }, "config");
}
