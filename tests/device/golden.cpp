#include "train/golden/golden.h"

#include <filesystem>

#include "kernels/ops/transform.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"

using namespace orchid;

namespace {

/// By Fourier transforms and, where they are of cosines, by products; fused where they can be.
void check_all_methods(const std::filesystem::path& path, DType dtype) {
  using Method = ops::TransformMethod;
  Context& ctx = test::test_context(dtype);
  for (const Method method : {Method::fft, Method::product, Method::fused}) {
    ctx.state<ops::TransformChoice>().method = method;
    const train::GoldenResult result = train::check_golden(ctx, path);
    INFO(result.name << " in " << name_of(dtype)
                     << (method == Method::fft     ? ""
                         : method == Method::fused ? " fused"
                                                   : " by products")
                     << ": worst " << result.worst.tensor << ": " << result.worst.error
                     << ", bound " << result.worst.bound);
    CHECK(result.pass);
  }
  ctx.state<ops::TransformChoice>().method = Method::automatic;
}

}  // namespace

TEST_CASE("device: golden cases in float32 and bf16", "[device][golden]") {
  int cases = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_dir() / "tests/golden")) {
    if (entry.path().extension() != ".safetensors") continue;
    ++cases;
    for (const DType dtype : {DType::f32, DType::bf16}) check_all_methods(entry.path(), dtype);
  }
  CHECK(cases >= 15);
}
