// Convolutions of bf16 whose transforms, and all between them, are one kernel of a GPU.

#include "tests/ops/fft_conv_cases.h"

using namespace orchid;
using namespace orchid::test;

namespace {

constexpr TransformKind kKind = TransformKind::dct_ortho;

Parts fused(std::int64_t short_taps, bool short_bias = true) {
  return {.short_taps = short_taps, .short_bias = short_bias, .fused = true};
}

}  // namespace

TEST_CASE("fft_conv as one kernel equals the direct sums for all lengths", "[ops][fft_conv]") {
  if (!built_with_cuda()) return;
  for (const std::int64_t length : {1, 2, 3, 7, 16, 31, 32, 33, 64, 65, 100})
    check_case(kKind, {2, length, 8}, length, fused(length % 2 == 0 ? 3 : 0));
  for (const std::int64_t length : {128, 196, 197, 255, 256})
    check_case(kKind, {1, length, 8}, length, fused(length % 2 == 0 ? 0 : 3));
}

TEST_CASE("fft_conv as one kernel equals the direct sums for all widths", "[ops][fft_conv]") {
  if (!built_with_cuda()) return;
  for (const std::int64_t width : {8, 24, 32, 40, 72})
    for (const std::int64_t taps : {0, 3}) check_case(kKind, {2, 19, width}, 19, fused(taps));
  for (const std::int64_t taps : {1, 2, 4})
    check_case(TransformKind::dct, {2, 34, 16}, 34, fused(taps, taps != 2));
}

TEST_CASE("fft_conv as one kernel takes any subset of its operands", "[ops][fft_conv]") {
  if (!built_with_cuda()) return;
  for (int bits = 0; bits < 32; ++bits)
    check_case(kKind, {2, 10, 40}, 10,
               {.gates = (bits & 1) != 0,
                .h = (bits & 2) != 0,
                .skip = (bits & 4) != 0,
                .add = (bits & 8) != 0,
                .short_taps = (bits & 16) != 0 ? 3 : 0,
                .fused = true});
}

TEST_CASE("fft_conv as one kernel goes through batches of several samples a block",
          "[ops][fft_conv]") {
  if (!built_with_cuda()) return;
  check_case(kKind, {2100, 3, 8}, 3, fused(3));
  check_case(kKind, {1100, 33, 40}, 33, {.h = false, .fused = true});
}
