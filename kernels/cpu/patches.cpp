#include "kernels/ops/patches.h"

#include "kernels/cpu/row_sums.h"

namespace orchid::ops {

/// A row of a patch is a run of P C numbers in the picture and in the patch.
void Patches::cpu(Context& ctx) const {
  const Shape& shape = x->shape();
  const std::int64_t side = patch, across = shape[2] / side, run = side * shape[3];
  const std::int64_t bands = shape[0] * (shape[1] / side), band = side * across * run;
  const float* const in = x->data<float>();
  dispatch_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const out = y->data<T>();
    // A band: the patches side by side, which are one piece of memory in both.
    cpu::for_each_row(ctx, bands, band, [=](std::int64_t at) {
      const float* from = in + at * band;
      for (std::int64_t r = 0; r < side; ++r)
        for (std::int64_t j = 0; j < across; ++j, from += run)
          std::copy_n(from, run, out + at * band + (j * side + r) * run);
    });
  });
}

void PatchTokens::cpu(Context& ctx) const {
  dispatch_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t length = y->shape()[1], width = y->shape()[2], before = token.defined();
    const T* const in = x->data<T>();
    const T* const first = before ? token->data<T>() : nullptr;
    const T* const added = positions.defined() ? positions->data<T>() : nullptr;
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, y->shape()[0] * length, width, [=](std::int64_t at) {
      const std::int64_t b = at / length, l = at % length;
      const T* const from = l < before ? first : in + (b * (length - before) + l - before) * width;
      T* const to = out + at * width;
      if (from != to) std::copy_n(from, width, to);
      if (added) cpu::add_to(to, added + l * width, width);
    });
  });
}

/// Threads share what a picture has: each adds its part of all pictures in order.
void PatchTokensGrad::cpu(Context& ctx) const {
  dispatch_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t batch = dy->shape()[0], width = dy->shape()[2];
    const std::int64_t each = dy->shape()[1] * width, before = dtoken.defined() ? width : 0;
    const T* const upper = dy->data<T>();
    T* const lower = dx.defined() ? dx->data<T>() : nullptr;
    T* const first = dtoken.defined() ? dtoken->data<T>() : nullptr;
    T* const added = dpositions.defined() ? dpositions->data<T>() : nullptr;
    const std::int64_t grain = cpu::kElementGrain / std::max<std::int64_t>(batch, 1) + 1;
    cpu::parallel_for(ctx, each, grain, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t rest = std::max(begin, before);
      for (std::int64_t b = 0; b < batch; ++b) {
        const T* const from = upper + b * each;
        if (added) cpu::add_to(added + begin, from + begin, end - begin);
        if (begin < before) cpu::add_to(first + begin, from + begin, std::min(end, before) - begin);
        if (lower && rest < end)
          std::copy_n(from + rest, end - rest, lower + b * (each - before) + rest - before);
      }
    });
  });
}

}  // namespace orchid::ops
