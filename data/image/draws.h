#pragma once

#include <cstdint>
#include <span>

#include "data/image/normals.h"
#include "kernels/core/error.h"
#include "kernels/core/philox.h"

namespace orchid::data {

/// The random numbers of one showing of one sample, one after another: a pure function of (seed,
/// epoch, index). Each step of the augmentation begins a stage of its own, so that one that draws
/// more or less, or is switched off, changes no other.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t epoch, std::int64_t index)
      : random_(seed, RandomPurpose::augmentation),
        item_((epoch << 40) + static_cast<std::uint64_t>(index)) {}

  /// Goes to the start of a stage's numbers, 2^32 each.
  void begin(std::uint32_t stage) { next_ = static_cast<std::uint64_t>(stage) << 32; }

  double uniform() { return word() * 0x1p-32; }  ///< in [0, 1)
  double uniform(double from, double to) { return from + (to - from) * uniform(); }
  bool chance(double probability) { return uniform() < probability; }

  /// 0 ... n - 1.
  std::int64_t below(std::int64_t n) {
    ORCHID_CHECK(n > 0 && n < (std::int64_t{1} << 32),
                 "expected a number of 1 ... 2^32 - 1 to draw", " below, got ", n);
    return Philox::below(static_cast<std::uint32_t>(n), word());
  }

  /// Standard normal.
  double normal() {
    const std::uint32_t first = word(), second = word();
    return normal_pair(first, second)[0];
  }

  /// Fills `out` with standard normal numbers, four from each four words.
  void normals(std::span<float> out) {
    next_ = (next_ + 3) / 4 * 4;
    fill_normals(random_, item_, next_ / 4, out);
    next_ += (out.size() + 3) / 4 * 4;
  }

 private:
  std::uint32_t word() {
    const std::uint32_t word = random_.words(item_, next_ / 4)[next_ % 4];
    ++next_;
    return word;
  }

  Philox random_;
  std::uint64_t item_, next_ = 0;
};

}  // namespace orchid::data
