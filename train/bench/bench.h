#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/context.h"
#include "model/config.h"

namespace orchid::train {

/// Times of repeated runs of one piece of work, in milliseconds.
struct Timing {
  double median_ms = 0;
  double p10_ms = 0;
  double p90_ms = 0;
  int repeats = 0;
};

/// Runs `work` to warm up, then until both 20 repeats (50 on a GPU) and `seconds` are reached (at
/// most 1000). On a GPU the device's clock counts, and its caches are swept before each repeat.
Timing time_work(Context&, const std::function<void()>& work, double seconds = 1.5);

/// The same for steps that follow each other as in training: a GPU has the next before it is done
/// with one, and its caches are as the one before left them.
Timing time_steps(Context&, const std::function<void()>& step);

/// Share of one op in a case's time.
struct OpShare {
  std::string op;
  double ms = 0;  ///< of one repeat, mean
  std::int64_t calls = 0;
};

/// One measured case, and the machine's own rates measured in the same process.
struct BenchResult {
  std::string name;
  std::int64_t batch = 0, length = 0, width = 0;
  std::string device;     ///< "cpu", "cuda:0"
  std::string precision;  ///< of activations
  int threads = 0;
  Timing forward;
  Timing total;              ///< forward and backward
  double flops = 0;          ///< of `total`: products and transforms (5 N log2 N)
  double bytes = 0;          ///< of `total`: operands of all ops, once each
  double peak_bytes = 0;     ///< highest resident set of the process, or use of the GPU's memory
  double copy_gb_s = 0;      ///< large copy, bytes read and written
  double gemm_gflop_s = 0;   ///< 1024 x 768 x 256 product, on a GPU 8192 x 8192 x 8192
  std::vector<OpShare> ops;  ///< of `total`, slowest first
};

struct BenchCase {
  std::string name;
  model::OrchidMixerConfig mixer;
  std::int64_t batch = 1, length = 1, width = 1;
};

/// The Orchid operator alone, forward and forward plus backward with all gradients.
BenchResult bench_orchid(Context&, const BenchCase&);

/// Softmax attention alone, without the projections before and after it.
struct AttentionCase {
  std::int64_t batch = 1, length = 1, width = 1, heads = 1;
};
BenchResult bench_attention(Context&, const AttentionCase&);

/// Bytes per second of a large copy and FLOP/s of a product on this context.
double measure_copy_gb_s(Context&);
double measure_gemm_gflop_s(Context&);

/// Highest resident set of this process so far, or on a GPU use of its memory.
double peak_bytes(const Context&);

}  // namespace orchid::train
