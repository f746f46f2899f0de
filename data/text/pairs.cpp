#include "data/text/pairs.h"

#include <algorithm>

#include "kernels/core/error.h"

namespace orchid::data {

PairLengths truncate_pair(std::int64_t first, std::int64_t second, std::int64_t budget) {
  ORCHID_CHECK(first >= 0 && second >= 0 && budget >= 0,
               "truncate_pair: expected no negative lengths, got ", first, ", ", second,
               " and a budget of ", budget);
  if (first + second <= budget) return {first, second};
  const bool swapped = first > second;
  std::int64_t shorter = std::min(first, second);
  std::int64_t longer = std::max(shorter, budget - shorter);
  if (shorter + longer > budget) {
    shorter = budget / 2;
    longer = budget - shorter;
  }
  return swapped ? PairLengths{longer, shorter} : PairLengths{shorter, longer};
}

PairEncoder::PairEncoder(const Vocabulary& vocabulary, std::int64_t length, bool pairs,
                         const WordPieceOptions& options)
    : wordpiece_(vocabulary, options),
      length_(length),
      pairs_(pairs),
      vocabulary_size_(vocabulary.size()),
      pad_(vocabulary.pad()),
      cls_(vocabulary.cls()),
      separator_(vocabulary.separator()) {
  const std::int64_t least = pairs ? 5 : 3;
  ORCHID_CHECK_USAGE(
      length >= least, "length: expected at least ", least,
      pairs ? " ([CLS], a piece, [SEP], a piece, [SEP])" : " ([CLS], a piece, [SEP])", ", got ",
      length);
}

std::int64_t PairEncoder::append(std::string_view first, std::string_view second, WordCache& cache,
                                 std::vector<std::int32_t>& ids) const {
  const auto start = std::ssize(ids);
  ids.push_back(cls_);
  if (!pairs_) {
    ORCHID_CHECK_USAGE(second.empty(), "encoding texts: expected single texts, got a pair");
    wordpiece_.encode(first, cache, ids, length_ - 2);
    ids.push_back(separator_);
    return std::ssize(ids) - start;
  }
  // Both texts are encoded whole: which one is longer decides what is kept.
  wordpiece_.encode(first, cache, ids);
  const std::int64_t middle = std::ssize(ids);
  wordpiece_.encode(second, cache, ids);
  const PairLengths kept = truncate_pair(middle - start - 1, std::ssize(ids) - middle, length_ - 3);
  ids.resize(static_cast<std::size_t>(middle + kept.second));
  ids.push_back(separator_);
  ids.erase(ids.begin() + start + 1 + kept.first, ids.begin() + middle);
  ids.insert(ids.begin() + start + 1 + kept.first, separator_);
  return kept.first + 2;
}

std::int64_t PairEncoder::encode(std::string_view first, std::string_view second,
                                 std::span<std::int32_t> ids,
                                 std::span<std::int32_t> segments) const {
  ORCHID_CHECK(std::ssize(ids) == length_ && (segments.empty() || std::ssize(segments) == length_),
               "encoding texts: expected room for ", length_, " ids and as many segments or none, ",
               "got ", ids.size(), " and ", segments.size());
  std::vector<std::int32_t> row;
  const std::int64_t first_segment = append(first, second, *make_cache(), row);
  const auto used = std::ssize(row);
  std::fill(std::copy(row.begin(), row.end(), ids.begin()), ids.end(), pad_);
  for (std::int64_t l = 0; l < std::ssize(segments); ++l)
    segments[static_cast<std::size_t>(l)] = l >= first_segment && l < used;
  return used;
}

}  // namespace orchid::data
