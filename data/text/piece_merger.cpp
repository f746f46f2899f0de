#include "data/text/piece_merger.h"

#include <algorithm>

namespace orchid::data {

PieceMerger::Piece PieceMerger::intern(const std::string& piece) {
  const auto [at, added] = ids_.emplace(piece, static_cast<Piece>(pieces_.size()));
  if (added) pieces_.push_back(piece);
  return at->second;
}

void PieceMerger::add_word(std::vector<Piece> pieces, std::int64_t count) {
  words_.push_back({std::move(pieces), count});
  count_pairs(static_cast<std::uint32_t>(words_.size() - 1), 1);
}

/// Adds the pairs of a word to the counts, or takes them away.
void PieceMerger::count_pairs(std::uint32_t word, std::int64_t sign) {
  const Word& held = words_[word];
  for (std::size_t i = 1; i < held.pieces.size(); ++i) {
    const std::uint64_t key = key_of(held.pieces[i - 1], held.pieces[i]);
    Pair& pair = pairs_[key];
    pair.count += sign * held.count;
    if (sign < 0) continue;
    if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
    grown_.push_back(key);
  }
}

bool PieceMerger::merge_best(std::int64_t min_count) {
  std::sort(grown_.begin(), grown_.end());
  grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
  for (const std::uint64_t key : grown_) candidates_.push({pairs_[key].count, key});
  grown_.clear();
  while (!candidates_.empty()) {
    const Candidate best = candidates_.top();
    candidates_.pop();
    const std::int64_t now = pairs_[best.key].count;
    if (now != best.count) {
      // It shrank since it was put there; a pair that grew has a newer entry above this one.
      if (now > 0 && now < best.count) candidates_.push({now, best.key});
      continue;
    }
    if (now < min_count || now <= 0) return false;
    apply(best.key);
    return true;
  }
  return false;
}

/// Merges one pair in all words that hold it.
void PieceMerger::apply(std::uint64_t key) {
  const auto left = static_cast<Piece>(key >> 32), right = static_cast<Piece>(key);
  const Piece merged = intern(pieces_[left] + pieces_[right].substr(2));
  const std::vector<std::uint32_t> holders = std::move(pairs_[key].words);
  pairs_[key].words.clear();
  for (const std::uint32_t index : holders) {
    std::vector<Piece>& pieces = words_[index].pieces;
    std::size_t first = 1;
    while (first < pieces.size() && !(pieces[first - 1] == left && pieces[first] == right)) ++first;
    if (first >= pieces.size()) continue;  // merged away since it was listed
    count_pairs(index, -1);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool here = i + 1 < pieces.size() && pieces[i] == left && pieces[i + 1] == right;
      pieces[kept++] = here ? merged : pieces[i];
      i += here;
    }
    pieces.resize(kept);
    count_pairs(index, 1);
  }
  pairs_.erase(key);
}

}  // namespace orchid::data
