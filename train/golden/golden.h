#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "kernels/core/context.h"
#include "model/config.h"

namespace orchid::train {

/// A recorded case of the Orchid operator (format "orchid-golden-1", tests/golden/README.md):
/// config, parameters, x and dy, and the output and gradients in double precision.
///
/// Error of a tensor: L2 norm of the difference over the L2 norm of the recorded value; where that
/// norm is below 1e-12, the norm of the difference over 1e-5 times the file's largest gradient
/// norm.
struct GoldenResult {
  struct Worst {
    std::string tensor;
    double error = 0;
    double bound = 0;
  };
  std::string file;
  std::string name;
  bool pass = false;
  std::map<std::string, double> errors;  ///< "y", "dx", "grad.<name>", "y_eval", "after.<name>"
  Worst worst;                           ///< the largest error over its bound
};

/// Runs one file on the context's device, in its precision. For bf16, parameters, x and dy are
/// rounded to bf16, and double arithmetic on the same numbers, with the projection rounded as a
/// bf16 run stores it, takes the place of what is recorded; a bound is then at least twice what
/// that rounding alone moves. A file that is no golden case is an input_data Error; one with an
/// unsupported config a usage Error.
GoldenResult check_golden(Context&, const std::filesystem::path&);

/// The operator's configuration from a golden file's metadata, and the shapes that go with it.
struct GoldenConfig {
  model::OrchidMixerConfig mixer;
  std::int64_t batch = 0;
  std::int64_t length = 0;
  std::int64_t width = 0;
};
GoldenConfig parse_golden_config(const std::string& json);

}  // namespace orchid::train
