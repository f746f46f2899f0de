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

template <class T>
void keep_and_add(const T* x, const std::uint32_t* words, std::uint32_t bound, T scale,
                  const T* add, T* y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i)
    y[i] = add[i] + (words[i] >= bound ? scale * x[i] : T(0));
}

/// What the elements of one draw become.
template <class T>
void keep_span(const T* x, bool kept, T scale, const T* add, T* y, std::int64_t count) {
  if (kept && add) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = add[i] + scale * x[i];
  } else if (kept) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = scale * x[i];
  } else if (!add) {
    std::fill_n(y, count, T(0));
  } else if (y != add) {
    std::copy_n(add, count, y);
  }
}

/// A call, without its tensors.
struct Draw {
  Philox philox;
  std::uint64_t item;
  std::uint32_t bound;  ///< kept are the words from it on
  double scale;
};

template <class T>
void drop_elements(const Context& ctx, const Draw& d, const T* x, const T* add, T* y,
                   std::int64_t n) {
  const T scale = static_cast<T>(d.scale);
  const std::int64_t blocks = (n + 4 * kGroups - 1) / (4 * kGroups);
  cpu::parallel_for(ctx, blocks, 16, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t words[4 * kGroups];
    for (std::int64_t block = begin; block < end; ++block) {
      draw(d.philox, d.item, block * kGroups, words);
      const std::int64_t first = block * 4 * kGroups, count = std::min(n - first, 4 * kGroups);
      if (add) {
        keep_and_add(x + first, words, d.bound, scale, add + first, y + first, count);
      } else {
        keep(x + first, words, d.bound, scale, y + first, count);
      }
    }
  });
}

template <class T>
void drop_spans(const Context& ctx, const Draw& d, const T* x, const T* add, T* y, std::int64_t n,
                std::int64_t span) {
  const T scale = static_cast<T>(d.scale);
  cpu::for_each_row(ctx, n / span, span, [=, &d](std::int64_t at) {
    const auto four = d.philox.words(d.item, static_cast<std::uint64_t>(at / 4));
    const bool kept = four[static_cast<std::size_t>(at % 4)] >= d.bound;
    keep_span(x + at * span, kept, scale, add ? add + at * span : nullptr, y + at * span, span);
  });
}

}  // namespace

void Dropout::cpu(Context& ctx) const {
  const std::uint64_t steps =
      step.defined() ? static_cast<std::uint64_t>(*step->data<std::int64_t>()) : 0;
  const Draw d{Philox(seed, RandomPurpose::dropout), item + steps * kDropoutSites,
               static_cast<std::uint32_t>(std::min(std::ceil(rate * 0x1p32), 0x1p32 - 1)),
               1.0 / (1.0 - rate)};
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const added = add.defined() ? add->data<T>() : nullptr;
    if (span == 1) {
      drop_elements(ctx, d, x->data<T>(), added, y->data<T>(), x->count());
    } else {
      drop_spans(ctx, d, x->data<T>(), added, y->data<T>(), x->count(), span);
    }
  });
}

}  // namespace orchid::ops
