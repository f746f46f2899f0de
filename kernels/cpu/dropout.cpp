#include "kernels/ops/dropout.h"

#include <cmath>

#include "kernels/core/philox.h"
#include "kernels/cpu/pointwise.h"

namespace orchid::ops {

void Dropout::cpu(Context& ctx) const {
  const Philox philox(seed, RandomPurpose::dropout);
  // The least word that is kept.
  const auto bound = static_cast<std::uint32_t>(std::min(std::ceil(rate * 0x1p32), 0x1p32 - 1));
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    const T scale = static_cast<T>(1.0 / (1.0 - rate));
    const std::int64_t n = x->count(), groups = (n + 3) / 4;
    cpu::parallel_for(
        ctx, groups, cpu::kElementGrain / 16, [=, this](std::int64_t begin, std::int64_t end) {
          for (std::int64_t group = begin; group < end; ++group) {
            const auto words = philox.words(item, static_cast<std::uint64_t>(group));
            for (std::int64_t i = 4 * group; i < std::min(n, 4 * group + 4); ++i)
              out[i] = words[static_cast<std::size_t>(i % 4)] >= bound ? scale * in[i] : T(0);
          }
        });
  });
}

}  // namespace orchid::ops
