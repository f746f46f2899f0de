#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace orchid::data {

/// The inner loop of vocabulary training: words as sequences of pieces, the counts of all
/// neighbouring pairs kept up to date, and the most frequent pair merged on demand.
class PieceMerger {
 public:
  using Piece = std::uint32_t;

  /// The id of a piece, made if it is new.
  Piece intern(const std::string& piece);
  void add_word(std::vector<Piece> pieces, std::int64_t count);

  /// Merges the most frequent pair wherever it stands; false if none occurs `min_count` times.
  bool merge_best(std::int64_t min_count);

  /// All pieces in the order they were made.
  const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  struct Word {
    std::vector<Piece> pieces;
    std::int64_t count;
  };
  struct Pair {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  ///< that hold it, or held it once; may repeat
  };
  /// A count that was true when it was put on the heap.
  struct Candidate {
    std::int64_t count;
    std::uint64_t key;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key > other.key;
    }
  };

  static std::uint64_t key_of(Piece left, Piece right) { return std::uint64_t{left} << 32 | right; }
  void count_pairs(std::uint32_t word, std::int64_t sign);
  void apply(std::uint64_t key);

  std::vector<std::string> pieces_;
  std::unordered_map<std::string, Piece> ids_;
  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, Pair> pairs_;
  std::priority_queue<Candidate> candidates_;
  std::vector<std::uint64_t> grown_;  ///< pairs whose count rose in the current merge
};

}  // namespace orchid::data
