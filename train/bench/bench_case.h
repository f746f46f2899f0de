#pragma once

#include <string>
#include <vector>

#include "train/bench/bench.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// The operator's cases that are compared with other implementations: three shapes, both types of
/// conditioning, both fast transforms, filter width 64.
std::vector<BenchCase> standard_orchid_cases();

/// One case from the command line: `sets` are mixer.key=value.
BenchCase orchid_case(std::int64_t batch, std::int64_t length, std::int64_t width,
                      const std::vector<std::string>& sets);

/// The same of attention: `sets` are mixer.heads=N.
AttentionCase attention_case(std::int64_t batch, std::int64_t length, std::int64_t width,
                             const std::vector<std::string>& sets);

/// Where to measure: `sets` are the threads=, device=, precision=, tf32= and transforms= of
/// a run.
RunConfig bench_run(const std::vector<std::string>& sets);

std::string bench_json(const BenchResult&);
std::string bench_text(const BenchResult&);

}  // namespace orchid::train
