#include "kernels/ops/dropout.h"

#include <cmath>

#include "kernels/core/philox.h"
#include "kernels/cpu/pointwise.h"

namespace orchid::ops {
namespace {

/// Philox calls whose words are made together.
constexpr std::int64_t kGroups = 64;

/// Four words for each group of four elements, from group `first` on.
void draw(const Philox& philox, std::uint64_t item, std::int64_t first, std::uint32_t* words) {
  for (std::int64_t j = 0; j < kGroups; ++j) {
    const auto four = philox.words(item, static_cast<std::uint64_t>(first + j));
    for (std::size_t i = 0; i < 4; ++i) words[4 * j + static_cast<std::int64_t>(i)] = four[i];
  }
}

template <class T>
void keep(const T* x, const std::uint32_t* words, std::uint32_t bound, T scale, T* y,
          std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = words[i] >= bound ? scale * x[i] : T(0);
}

}  // namespace

void Dropout::cpu(Context& ctx) const {
  // Kept are the words from rate * 2^32 on.
  const auto bound = static_cast<std::uint32_t>(std::min(std::ceil(rate * 0x1p32), 0x1p32 - 1));
  const Philox philox(seed, RandomPurpose::dropout);
  const std::uint64_t drawn =
      item + (step.defined() ? static_cast<std::uint64_t>(*step->data<std::int64_t>()) : 0) *
                 kDropoutSites;
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    const T scale = static_cast<T>(1.0 / (1.0 - rate));
    const std::int64_t n = x->count(), blocks = (n + 4 * kGroups - 1) / (4 * kGroups);
    cpu::parallel_for(ctx, blocks, 16, [&](std::int64_t begin, std::int64_t end) {
      std::uint32_t words[4 * kGroups];
      for (std::int64_t block = begin; block < end; ++block) {
        draw(philox, drawn, block * kGroups, words);
        const std::int64_t first = block * 4 * kGroups, count = std::min(n - first, 4 * kGroups);
        keep(in + first, words, bound, scale, out + first, count);
      }
    });
  });
}

}  // namespace orchid::ops
