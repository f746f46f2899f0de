#pragma once

#include "kernels/ops/attention.h"
#include "tests/reference/attention.h"
#include "tests/support/arrays.h"

/// What the tests of attention share: shapes, masks, both ops against the formulas.
namespace orchid::test {

struct Extents {
  std::int64_t B, L, D, heads;

  Shape input() const { return {B, L, 3 * D}; }
  Shape output() const { return {B, L, D}; }
  Shape sums() const { return {B, heads, L}; }
  std::int64_t count() const { return B * L * D; }
};

enum class Masking { none, padding, scattered, single, nothing, tiles };

/// Padding: the first sample has one key, the last all. Scattered: the second sample has none.
/// Single: one key each, somewhere. Nothing: no key at all. Tiles: 64 keys without one that counts,
/// then 64 of which every fifth does, and so on.
inline Array make_mask(const Extents& n, Masking masking) {
  Array mask(static_cast<std::size_t>(n.B * n.L), 1.0);
  const Array draws = random_array(n.B * n.L, 3);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i), b = at / n.L, l = at % n.L;
    if (masking == Masking::padding) mask[i] = l <= b * n.L / std::max<std::int64_t>(1, n.B - 1);
    if (masking == Masking::scattered) mask[i] = draws[i] > 0 && b != 1;
    if (masking == Masking::single) mask[i] = l == (5 * b + 3) % n.L;
    if (masking == Masking::nothing) mask[i] = 0;
    if (masking == Masking::tiles) mask[i] = l / 64 % 2 == 1 ? l % 5 == 4 : n.L <= 64;
  }
  return mask;
}

/// qkv, but NaN as key and value where they do not count.
inline Array spoiled(Array qkv, const Array& mask) {
  const std::size_t row = qkv.size() / mask.size();
  for (std::size_t i = 0; i < qkv.size(); ++i)
    if (mask[i / row] == 0 && i % row >= row / 3) qkv[i] = NAN;
  return qkv;
}

inline reference::Attention attention(const Extents& n, const Array& mask) {
  return {static_cast<std::size_t>(n.L), static_cast<std::size_t>(n.D),
          static_cast<std::size_t>(n.heads), mask};
}

inline Tensor upload_mask(const Context& ctx, const Array& mask, const Extents& n,
                          Masking masking) {
  return masking == Masking::none ? Tensor() : upload(ctx, mask, {n.B, n.L}, DType::u8);
}

struct Results {
  Array y, logsumexp, dqkv;
};

/// Both ops; the gradient takes y and logsumexp as the first one wrote them.
inline Results run_both(Context& ctx, const Extents& n, const Array& qkv, const Array& dy,
                        const Tensor& mask) {
  const Tensor tqkv = upload(ctx, qkv, n.input()), tdy = upload(ctx, dy, n.output());
  Tensor y = poisoned(ctx, n.output()), sums = poisoned_f(ctx, n.sums());
  Tensor dqkv = poisoned(ctx, n.input());
  run(ctx, ops::Attention{.qkv = tqkv, .mask = mask, .y = y, .logsumexp = sums, .heads = n.heads});
  run(ctx, ops::AttentionGrad{.dy = tdy,
                              .qkv = tqkv,
                              .mask = mask,
                              .y = y,
                              .logsumexp = sums,
                              .dqkv = dqkv,
                              .heads = n.heads});
  return {download(y), download(sums), download(dqkv)};
}

/// Sums over keys or queries round once a term.
inline Tolerance of_length(Tolerance tolerance, std::int64_t length) {
  return tolerance * (1 + static_cast<double>(length) / 256);
}

/// Of y and dqkv. Heads of whole groups of 16 channels go over the tensor cores in bf16, which take
/// weights rounded to bf16: a third rounding of 2^-9 beside the two of kBf16.
inline Tolerance of_weights(DType compute, const Extents& n, Tolerance tolerance) {
  const bool rounded = compute == DType::bf16 && n.D / n.heads % 16 == 0;
  return tolerance * (rounded ? 1.5 : 1.0);
}

/// Both ops against the formulas. Where scores are large, `largest`, a logsumexp is rounded to a
/// multiple of its last bit, and weights that are computed again from it are as far off.
inline void check_attention(const Extents& n, Masking masking, const Array& qkv,
                            double largest = 0) {
  INFO("B " << n.B << ", L " << n.L << ", D " << n.D << ", heads " << n.heads << ", masking "
            << static_cast<int>(masking));
  const Array mask = make_mask(n, masking), dy = random_array(n.count(), 2);
  const reference::Attention wanted = attention(n, mask);
  for_each_precision([&](Context& ctx, DType compute, Tolerance tolerance) {
    const Results got =
        run_both(ctx, n, spoiled(qkv, mask), dy, upload_mask(ctx, mask, n, masking));
    const Tolerance of_largest{largest * (compute == DType::f64 ? 0x1p-52 : 0x1p-23)};
    const auto plus = [](Tolerance a, Tolerance b) { return Tolerance{a.relative + b.relative}; };
    // The reference's weights are computed from a logsumexp in double.
    check_close("y", got.y, wanted(qkv),
                plus(of_weights(compute, n, tolerance), {largest * 0x1p-52}));
    check_close("logsumexp", got.logsumexp, wanted.logsumexp(qkv), of_sums(compute, tolerance));
    check_close("dqkv", got.dqkv, wanted.gradient(qkv, dy),
                plus(of_length(of_weights(compute, n, tolerance), n.L), of_largest));
  });
}

inline void check_attention(const Extents& n, Masking masking) {
  check_attention(n, masking, random_array(3 * n.count(), 1));
}

}  // namespace orchid::test
