#include "data/text/vocabulary_trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "data/text/piece_merger.h"
#include "data/text/words.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::size_t kPortionBytes = std::size_t{1} << 20;
constexpr std::int64_t kLongestWord = 100;  ///< characters; the tokenizer makes it [UNK] anyway

const std::array<std::string, 5> kSpecials{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

std::vector<std::string> characters_of(const std::string& word) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t start = at;
    next_code_point(word, at);
    characters.push_back(word.substr(start, at - start));
  }
  return characters;
}

/// The most frequent characters, as far as `most` goes. Ties: the lower code point (UTF-8 sorts
/// by it).
std::set<std::string> alphabet_of(const std::vector<std::pair<std::string, std::int64_t>>& words,
                                  std::int64_t most) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [word, count] : words) {
    for (const std::string& character : characters_of(word)) counts[character] += count;
  }
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::set<std::string> alphabet;
  for (const auto& [character, count] : sorted) {
    if (std::ssize(alphabet) == most) break;
    alphabet.insert(character);
  }
  return alphabet;
}

/// The piece for a character that does not begin a word.
std::string continuation(const std::string& character) {
  return std::string("##").append(character);
}

bool is_ascii_letter_or_digit(const std::string& character) {
  const char c = character[0];
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void check(const VocabularyOptions& options) {
  ORCHID_CHECK_USAGE(options.size > std::ssize(kSpecials), "size: expected above ",
                     kSpecials.size(), ", got ", options.size);
  ORCHID_CHECK_USAGE(options.alphabet > 0, "alphabet: expected above 0, got ", options.alphabet);
  ORCHID_CHECK_USAGE(options.min_count > 0, "min_count: expected above 0, got ", options.min_count);
}

/// Counts the words of all files on several threads.
class Counting {
 public:
  Counting(const VocabularyOptions& options, std::vector<std::filesystem::path> files,
           VocabularyReport& report)
      : options_(options),
        report_(report),
        reader_(std::move(files), DocumentUnit::file, std::int64_t{1} << 16) {}

  WordCounts run() {
    const int all = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    std::vector<std::jthread> others;
    for (int i = 1; i < (options_.threads > 0 ? options_.threads : all); ++i) {
      others.emplace_back([this] { work_or_fail(); });
    }
    work_or_fail();
    others.clear();  // joins
    if (failure_) std::rethrow_exception(failure_);
    return std::move(total_);
  }

 private:
  void work_or_fail() {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void work() {
    WordSplitter splitter;
    WordCounts counts;
    std::int64_t documents = 0, bytes = 0, words = 0;
    std::vector<Record> records;
    for (bool more = true; more;) {
      {
        const std::lock_guard lock(mutex_);
        if (failure_) return;
        leave_if(options_.stop);
        more = reader_.next_portion(records, kPortionBytes);
        if (options_.progress) options_.progress(reader_.fraction());
      }
      for (Record& record : records) {
        documents += !record.continues;
        const std::string text = decode(std::move(record));
        bytes += std::ssize(text);
        splitter.run(text, [&](std::string_view word) {
          const auto known = counts.find(word);
          ++(known != counts.end() ? known : counts.emplace(word, 0).first)->second;
          ++words;
          return true;
        });
      }
    }
    const std::lock_guard lock(mutex_);
    for (const auto& [word, count] : counts) total_[word] += count;
    report_.documents += documents;
    report_.bytes += bytes;
    report_.words += words;
  }

  const VocabularyOptions& options_;
  std::mutex mutex_;  ///< of all below
  VocabularyReport& report_;
  RecordReader reader_;
  WordCounts total_;
  std::exception_ptr failure_;
};

}  // namespace

Vocabulary train_vocabulary(const WordCounts& counts, const VocabularyOptions& options) {
  check(options);
  std::vector<std::pair<std::string, std::int64_t>> words;
  for (const auto& [word, count] : counts) {
    if (count_characters(word) <= kLongestWord) words.emplace_back(word, count);
  }
  std::sort(words.begin(), words.end());  // a hash table has no order to rely on
  const std::set<std::string> alphabet = alphabet_of(words, options.alphabet);

  std::vector<std::vector<std::string>> kept;
  std::vector<std::int64_t> kept_counts;
  std::set<std::string> starts, inner;
  for (const auto& [word, count] : words) {
    std::vector<std::string> characters = characters_of(word);
    const bool known = std::all_of(characters.begin(), characters.end(),
                                   [&](const std::string& c) { return alphabet.contains(c); });
    if (!known) continue;
    starts.insert(characters[0]);
    for (std::size_t i = 1; i < characters.size(); ++i) inner.insert(characters[i]);
    for (const std::string& character : characters) {
      if (!is_ascii_letter_or_digit(character)) continue;
      starts.insert(character);  // words yet unseen may need either form
      inner.insert(character);
    }
    kept.push_back(std::move(characters));
    kept_counts.push_back(count);
  }

  PieceMerger merger;
  for (const std::string& special : kSpecials) merger.intern(special);
  for (const std::string& character : starts) merger.intern(character);
  for (const std::string& character : inner) merger.intern(continuation(character));
  ORCHID_CHECK_USAGE(std::ssize(merger.pieces()) <= options.size, "size: ", options.size,
                     " pieces do not hold the specials and ", starts.size(), " + ", inner.size(),
                     " single characters; raise size or lower alphabet");
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::vector<PieceMerger::Piece> pieces{merger.intern(kept[i][0])};
    for (std::size_t j = 1; j < kept[i].size(); ++j)
      pieces.push_back(merger.intern(continuation(kept[i][j])));
    merger.add_word(std::move(pieces), kept_counts[i]);
  }
  while (std::ssize(merger.pieces()) < options.size && merger.merge_best(options.min_count))
    leave_if(options.stop);
  return Vocabulary(merger.pieces(), "trained vocabulary");
}

Vocabulary train_vocabulary(const VocabularyOptions& options, VocabularyReport* report) {
  const auto start = std::chrono::steady_clock::now();
  check(options);
  VocabularyReport local;
  const std::vector<std::filesystem::path> files = list_sources(options.inputs);
  local.files = std::ssize(files);
  const WordCounts words = Counting(options, files, local).run();
  ORCHID_CHECK_INPUT(!words.empty(), "no text in ", options.inputs.front(),
                     options.inputs.size() > 1 ? " and the others" : "");
  local.distinct_words = std::ssize(words);
  Vocabulary vocabulary = train_vocabulary(words, options);
  local.pieces = vocabulary.size();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  local.seconds = elapsed.count();
  if (report != nullptr) *report = local;
  return vocabulary;
}

}  // namespace orchid::data
