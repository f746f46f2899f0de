#include "data/text/wordpiece.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "data/text/words.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int32_t kNone = -1;

/// The vocabulary as a trie over bytes, its edges in one hash table. Words are valid UTF-8, so
/// the longest match in bytes is the longest in characters.
class Trie {
 public:
  static constexpr std::uint32_t kWordStart = 0;
  static constexpr std::uint32_t kContinuation = 1;

  explicit Trie(const Vocabulary& vocabulary) {
    std::size_t bytes = 2;
    for (std::int32_t id = 0; id < vocabulary.size(); ++id) bytes += vocabulary.piece(id).size();
    // Below half full: a search for an absent edge ends soon.
    std::size_t slots = 16;
    while (slots < 2 * bytes) slots *= 2;
    edges_.resize(slots);
    ids_.assign(2, kNone);
    for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
      std::string_view piece = vocabulary.piece(id);
      const bool continues = piece.size() > 2 && piece.starts_with("##");
      if (continues) piece.remove_prefix(2);
      std::uint32_t node = continues ? kContinuation : kWordStart;
      for (const char c : piece) node = step_or_add(node, c);
      ids_[node] = id;
    }
  }

  /// Longest piece that `text` starts with, from `root` on: its id and length, or kNone.
  std::pair<std::int32_t, std::size_t> longest(std::uint32_t root, std::string_view text) const {
    std::pair<std::int32_t, std::size_t> best{kNone, 0};
    std::uint32_t node = root;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Edge& edge = edges_[slot(key(node, text[i]))];
      if (edge.key == 0) break;
      node = edge.node;
      if (ids_[node] != kNone) best = {ids_[node], i + 1};
    }
    return best;
  }

 private:
  struct Edge {
    std::uint64_t key = 0;  ///< 0: free
    std::uint32_t node = 0;
  };

  static std::uint64_t key(std::uint32_t node, char c) {
    return (std::uint64_t{node} << 8 | static_cast<unsigned char>(c)) + 1;
  }
  std::size_t slot(std::uint64_t key) const {
    std::size_t at = (key * 0x9E3779B97F4A7C15ull) >> 20 & (edges_.size() - 1);
    while (edges_[at].key != 0 && edges_[at].key != key) at = (at + 1) & (edges_.size() - 1);
    return at;
  }
  std::uint32_t step_or_add(std::uint32_t node, char c) {
    Edge& edge = edges_[slot(key(node, c))];
    if (edge.key == 0) {
      edge = {key(node, c), static_cast<std::uint32_t>(ids_.size())};
      ids_.push_back(kNone);
    }
    return edge.node;
  }

  std::vector<Edge> edges_;
  std::vector<std::int32_t> ids_;  ///< of the piece that ends at a node
};

}  // namespace

/// Direct mapped: a word has one place, and takes it from the word that was there.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 24;
  static constexpr std::size_t kMostPieces = 5;

  struct Entry {
    std::array<std::uint64_t, kLongestWord / 8> word{};  ///< bytes, zero padded
    std::int32_t count = 0;
    std::array<std::int32_t, kMostPieces> ids{};
  };

  explicit WordCache(bool hf_cjk_gap) : splitter(hf_cjk_gap), entries_(kEntries) {}

  /// The entry of `word` (at most kLongestWord bytes); its count is 0 if it has yet to be filled.
  Entry& find(std::string_view word) {
    std::array<std::uint64_t, kLongestWord / 8> bytes{};
    std::memcpy(bytes.data(), word.data(), word.size());
    std::uint64_t hash = bytes[0] * 0x9E3779B97F4A7C15ull;
    hash = (hash ^ (hash >> 32) ^ bytes[1]) * 0xD6E8FEB86659FD93ull;
    hash = (hash ^ (hash >> 32) ^ bytes[2]) * 0x9E3779B97F4A7C15ull;
    Entry& entry = entries_[(hash >> 40) & (kEntries - 1)];
    if (entry.word != bytes) {
      entry.word = bytes;
      entry.count = 0;
    }
    return entry;
  }

  WordSplitter splitter;

 private:
  static constexpr std::size_t kEntries = std::size_t{1} << 15;
  std::vector<Entry> entries_;
};

struct WordPiece::State {
  State(const Vocabulary& vocabulary, const WordPieceOptions& given)
      : options(given), trie(vocabulary), unknown(vocabulary.unknown()) {
    for (const std::int32_t id : {vocabulary.pad(), vocabulary.unknown(), vocabulary.cls(),
                                  vocabulary.separator(), vocabulary.mask()}) {
      specials.emplace_back(vocabulary.piece(id), id);
    }
    for (std::size_t c = 0; c < single.size(); ++c) {
      const char byte = static_cast<char>(c);
      single[c] = trie.longest(Trie::kWordStart, std::string_view(&byte, 1)).first;
      if (single[c] == kNone) single[c] = unknown;
    }
  }

  /// Greedy longest match; a word that cannot be covered is one [UNK].
  void cut(std::string_view word, std::vector<std::int32_t>& ids) const {
    const std::size_t before = ids.size();
    const auto limit = static_cast<std::size_t>(options.max_word_characters);
    bool known = word.size() <= limit || static_cast<std::size_t>(count_characters(word)) <= limit;
    std::uint32_t root = Trie::kWordStart;
    while (known && !word.empty()) {
      const auto [id, size] = trie.longest(root, word);
      known = id != kNone;
      ids.push_back(id);
      word.remove_prefix(size);
      root = Trie::kContinuation;
    }
    if (known) return;
    ids.resize(before);
    ids.push_back(unknown);
  }

  void add_word(std::string_view word, WordCache& cache, std::vector<std::int32_t>& ids) const {
    if (word.size() == 1) {
      ids.push_back(single[static_cast<unsigned char>(word[0]) & 0x7F]);
      return;
    }
    if (word.size() > WordCache::kLongestWord) return cut(word, ids);
    WordCache::Entry& entry = cache.find(word);
    if (entry.count == 0) {
      const std::size_t before = ids.size();
      cut(word, ids);
      const std::size_t count = ids.size() - before;
      if (count > WordCache::kMostPieces) return;
      std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(before), count, entry.ids.begin());
      entry.count = static_cast<std::int32_t>(count);
      return;
    }
    ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
  }

  /// The first special string at or behind `from`: its position and index, or npos.
  std::pair<std::size_t, std::size_t> find_special(std::string_view text, std::size_t from) const {
    for (std::size_t at = text.find('[', from); at != text.npos; at = text.find('[', at + 1)) {
      for (std::size_t i = 0; i < specials.size(); ++i) {
        if (text.substr(at).starts_with(specials[i].first)) return {at, i};
      }
    }
    return {text.npos, 0};
  }

  WordPieceOptions options;
  Trie trie;
  std::int32_t unknown;
  std::array<std::int32_t, 128> single{};  ///< id of each one-character ASCII word
  std::vector<std::pair<std::string, std::int32_t>> specials;
};

WordPiece::WordPiece(const Vocabulary& vocabulary, const WordPieceOptions& options)
    : state_(std::make_unique<State>(vocabulary, options)) {
  ORCHID_CHECK_USAGE(options.max_word_characters > 0,
                     "wordpiece: max_word_characters: expected above 0, got ",
                     options.max_word_characters);
}
WordPiece::~WordPiece() = default;
WordPiece::WordPiece(WordPiece&&) noexcept = default;
WordPiece& WordPiece::operator=(WordPiece&&) noexcept = default;

std::shared_ptr<WordCache> WordPiece::make_cache() const {
  return std::make_shared<WordCache>(state_->options.hf_cjk_gap);
}

std::vector<std::int32_t> WordPiece::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  encode(text, *make_cache(), ids);
  return ids;
}

void WordPiece::encode(std::string_view text, WordCache& cache, std::vector<std::int32_t>& ids,
                       std::int64_t max_pieces) const {
  const std::size_t most =
      max_pieces > 0 ? ids.size() + static_cast<std::size_t>(max_pieces) : SIZE_MAX;
  const auto add = [&](std::string_view word) {
    state_->add_word(word, cache, ids);
    return ids.size() < most;
  };
  if (!state_->options.literal_specials) {
    cache.splitter.run(text, add);
  } else {
    for (std::size_t from = 0; from < text.size() && ids.size() < most;) {
      const auto [at, special] = state_->find_special(text, from);
      cache.splitter.run(text.substr(from, at - from), add);
      if (at == text.npos) break;
      ids.push_back(state_->specials[special].second);
      from = at + state_->specials[special].first.size();
    }
  }
  if (ids.size() > most) ids.resize(most);
}

}  // namespace orchid::data
