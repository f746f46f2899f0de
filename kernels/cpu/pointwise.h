#pragma once

#include "kernels/cpu/parallel.h"

namespace orchid::cpu {

/// Elements worth a thread in a loop bound by memory.
inline constexpr std::int64_t kElementGrain = 16384;

/// body(i) for every i < n, vectorised and in parallel; iterations must not depend on each other
/// (an array updated in place is fine). Let `body` capture by value: what it holds by reference
/// could change with every store, and would keep the loop scalar.
template <class Body>
void for_each_element(const Context& ctx, std::int64_t n, const Body& body) {
  parallel_for(ctx, n, kElementGrain, [&](std::int64_t begin, std::int64_t end) {
    const Body local = body;
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) local(i);
  });
}

/// body(row) for every row < rows in parallel, where a row has `width` elements. Captures as above.
template <class Body>
void for_each_row(const Context& ctx, std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t grain = kElementGrain / std::max<std::int64_t>(width, 1) + 1;
  parallel_for(ctx, rows, grain, [&](std::int64_t begin, std::int64_t end) {
    const Body local = body;
    for (std::int64_t row = begin; row < end; ++row) local(row);
  });
}

}  // namespace orchid::cpu
