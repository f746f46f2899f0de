#include "train/golden/golden.h"

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/op_check.h"

using namespace orchid;

TEST_CASE("device: golden cases in float32 and bf16", "[device][golden]") {
  int cases = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_dir() / "tests/golden")) {
    if (entry.path().extension() != ".safetensors") continue;
    ++cases;
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const train::GoldenResult result =
          train::check_golden(test::test_context(dtype), entry.path());
      INFO(result.name << " in " << name_of(dtype) << ": worst " << result.worst.tensor << ": "
                       << result.worst.error << ", bound " << result.worst.bound);
      CHECK(result.pass);
    }
  }
  CHECK(cases >= 15);
}
