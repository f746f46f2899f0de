#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kernels/core/philox.h"

namespace orchid::test {

/// Inputs to try: ORCHID_FUZZ_INPUTS in the environment, or `usual`.
inline int fuzz_inputs(int usual) {
  const char* more = std::getenv("ORCHID_FUZZ_INPUTS");
  return more ? std::atoi(more) : usual;
}

/// Random numbers one after another.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, RandomPurpose::test) {}
  std::size_t below(std::size_t n) {
    return Philox::below(static_cast<std::uint32_t>(n), random_.words(0, next_++)[0]);
  }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

/// Changes, takes out, doubles or cuts off bytes, at up to four places.
inline std::string damaged(std::string text, Dice& dice) {
  for (std::size_t times = 1 + dice.below(4); times > 0 && text.size() > 1; --times) {
    const std::size_t at = dice.below(text.size());
    const std::size_t count = 1 + dice.below(std::min<std::size_t>(text.size() - at, 40));
    switch (dice.below(6)) {
      case 0:
        text[at] = static_cast<char>(dice.below(256));
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << dice.below(8)));
        break;
      case 2:
        text[at] = static_cast<char>(dice.below(2) ? 0xFF : 0);
        break;
      case 3:
        text.erase(at, count);
        break;
      case 4:
        text.insert(at, text.substr(at, count));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

}  // namespace orchid::test
