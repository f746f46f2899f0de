#pragma once

#include "train/bench/bench.h"

namespace orchid::train {

/// One micro-batch and update of a configuration, on random tokens: no data is read.
struct StepResult {
  std::string config;
  std::int64_t batch = 0, length = 0, targets = 0;
  std::string device;     ///< "cpu", "cuda:0"
  std::string precision;  ///< of activations
  int threads = 0;
  Timing step;
  double flops = 0;  ///< of model forward and backward
  double bytes = 0;
  double peak_bytes = 0;
  double copy_gb_s = 0;
  double gemm_gflop_s = 0;
  double tokens_per_s = 0;
  std::vector<OpShare> ops;
  double outside_ms = 0;  ///< of a step outside ops
};

StepResult bench_step(const std::string& config, const std::vector<std::string>& sets);

std::string step_json(const StepResult&);
std::string step_text(const StepResult&);

}  // namespace orchid::train
