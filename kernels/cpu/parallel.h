#pragma once

#include <algorithm>
#include <cstdint>

#include <omp.h>

#include "kernels/core/context.h"

namespace orchid::cpu {

/// Splits [0, n) into one contiguous part per thread and calls body(begin, end) on each. The split
/// depends on n, `grain` and the thread count only. `grain` is the least work worth a thread, in
/// items. The body must not throw.
template <class Body>
void parallel_for(const Context& ctx, std::int64_t n, std::int64_t grain, const Body& body) {
  const std::int64_t most = (n + grain - 1) / std::max<std::int64_t>(grain, 1);
  const int threads = static_cast<int>(std::min<std::int64_t>(ctx.threads(), most));
  if (threads <= 1) {
    if (n > 0) body(std::int64_t{0}, n);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const std::int64_t count = omp_get_num_threads(), self = omp_get_thread_num();
    const std::int64_t begin = n * self / count, end = n * (self + 1) / count;
    if (begin < end) body(begin, end);
  }
}

}  // namespace orchid::cpu
