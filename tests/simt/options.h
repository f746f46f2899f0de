#pragma once

#include <cstddef>
#include <cstdint>

namespace orchid::simt {

/// Which of the threads and blocks that can run goes next. A right kernel gives the same result in
/// every order.
enum class Order : std::uint8_t { forward, reverse, random };

/// How the host executor runs kernels; read from the environment once, tests may change it.
struct Options {
  Order order = Order::forward;  ///< SIMT_ORDER=forward|reverse|random[:seed]
  std::uint64_t seed = 1;
  /// SIMT_LAZY=1: work of a stream runs only when a synchronisation demands it.
  bool lazy = false;
  /// Device memory in bytes; cudaMalloc fails beyond it.
  std::size_t memory = std::size_t{16} << 30;
  /// Count bank conflicts and sectors; only in checked libraries.
  bool count_traffic = false;
};
Options& options();

}  // namespace orchid::simt
