#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/io/sources.h"
#include "data/io/stop.h"

namespace orchid::data {

/// English made by a grammar of our own, for runs without real text: a small world of topics,
/// people and things. What can be learnt from it: which words a topic uses, agreement of verbs
/// and articles, pronouns that refer back, names that return, tense, sums of small numbers.
/// A pure function of (seed, number).
std::string synthetic_document(std::uint64_t seed, std::int64_t number);

/// What `orchid data synth` does.
struct CorpusOptions {
  std::filesystem::path prefix;   ///< files are <prefix>.00000-of-00002.json.gz and so on
  std::int64_t documents = 1000;  ///< numbers first .. first + documents - 1
  std::int64_t first = 0;
  std::int64_t files = 1;
  std::uint64_t seed = 0;
  Progress progress;
  Stop stop;  ///< then an Interrupted; finished files remain
};

struct CorpusReport {
  std::int64_t documents = 0;
  std::int64_t bytes = 0;  ///< of text, UTF-8
  double seconds = 0;
  std::vector<std::filesystem::path> files;
};

/// Writes synthetic documents in the form of C4: gzip'd JSON lines of text, timestamp, url.
CorpusReport write_corpus(const CorpusOptions&);

}  // namespace orchid::data
