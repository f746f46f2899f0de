#include "train/config/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace orchid::train {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

std::string suggestion(const std::string& name, std::vector<std::string> known) {
  std::sort(known.begin(), known.end());
  const std::string* nearest = nullptr;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;  // farther is no misspelling
  for (const std::string& candidate : known)
    if (const std::size_t distance = edit_distance(name, candidate); distance < least) {
      least = distance;
      nearest = &candidate;
    }
  std::string text;
  if (nearest) text += "; did you mean \"" + *nearest + "\"?";
  text += nearest ? " known here: " : "; known here: ";
  for (const std::string& candidate : known)
    text += (&candidate == &known.front() ? "" : ", ") + candidate;
  return text;
}

}  // namespace orchid::train
