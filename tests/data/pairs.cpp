#include "data/text/pairs.h"

#include <algorithm>

#include "tests/data/fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

/// Fills both texts piece by piece up to half the budget each, then gives what is left over to
/// whichever text still has pieces; an odd piece goes to the longer text, the second if equal.
PairLengths filled(std::int64_t first, std::int64_t second, std::int64_t budget) {
  PairLengths kept;
  const bool odd_to_first = first > second;
  while (kept.first + kept.second < budget) {
    const bool first_has = kept.first < first, second_has = kept.second < second;
    if (!first_has && !second_has) break;
    const bool to_first = first_has && (!second_has || kept.first < kept.second ||
                                        (kept.first == kept.second && odd_to_first));
    ++(to_first ? kept.first : kept.second);
  }
  return kept;
}

/// BERT's original: one piece at a time off the longer text, the second if equal.
PairLengths popped(std::int64_t first, std::int64_t second, std::int64_t budget) {
  while (first + second > budget) --(first > second ? first : second);
  return {first, second};
}

struct Row {
  Ids ids, segments;
  std::int64_t used = 0;
};

Row encode(const PairEncoder& encoder, std::string_view first, std::string_view second = {}) {
  const auto length = static_cast<std::size_t>(encoder.length());
  Row row{Ids(length, -7), Ids(length, -7)};
  row.used = encoder.encode(first, second, row.ids, row.segments);
  return row;
}

}  // namespace

TEST_CASE("the longer text of a pair is cut first", "[data][pairs]") {
  CHECK(truncate_pair(60, 65, 125) == PairLengths{60, 65});    // fits
  CHECK(truncate_pair(10, 300, 125) == PairLengths{10, 115});  // the short text stays whole
  CHECK(truncate_pair(300, 10, 125) == PairLengths{115, 10});
  CHECK(truncate_pair(62, 64, 125) == PairLengths{62, 63});
  CHECK(truncate_pair(200, 300, 125) == PairLengths{62, 63});  // both are long: halves
  CHECK(truncate_pair(300, 200, 125) == PairLengths{63, 62});  // the odd piece to the longer
  CHECK(truncate_pair(150, 150, 125) == PairLengths{62, 63});  // the second, if as long
  CHECK(truncate_pair(63, 63, 125) == PairLengths{62, 63});
  CHECK(truncate_pair(0, 9, 4) == PairLengths{0, 4});
  CHECK(truncate_pair(3, 3, 0) == PairLengths{0, 0});
  require_error(ErrorKind::failure, {"-1"}, [] { truncate_pair(-1, 3, 5); });
}

TEST_CASE("truncation of a pair is filling up evenly", "[data][pairs]") {
  for (std::int64_t budget = 0; budget <= 17; ++budget) {
    for (std::int64_t first = 0; first <= 25; ++first) {
      for (std::int64_t second = 0; second <= 25; ++second) {
        INFO(first << ", " << second << ", budget " << budget);
        const PairLengths kept = truncate_pair(first, second, budget);
        REQUIRE(kept == filled(first, second, budget));
        const PairLengths original = popped(first, second, budget);
        REQUIRE(std::abs(kept.first - original.first) <= 1);
        REQUIRE(kept.first + kept.second == original.first + original.second);
      }
    }
  }
}

TEST_CASE("a single text is a row of segment 0", "[data][pairs]") {
  const PairEncoder encoder(tiny_vocabulary(), 8, false);
  Row row = encode(encoder, "The cat sat.");
  CHECK(row.ids == Ids{3, 6, 7, 31, 18, 4, 0, 0});
  CHECK(row.segments == Ids(8, 0));
  CHECK(row.used == 6);
  row = encode(encoder, "unaffable cats, and the dog");  // 6 of 9 pieces fit
  CHECK(row.ids == Ids{3, 8, 9, 10, 7, 34, 19, 4});
  CHECK(row.used == 8);
  row = encode(encoder, "");
  CHECK(row.ids == Ids{3, 4, 0, 0, 0, 0, 0, 0});
  CHECK(row.used == 2);
}

TEST_CASE("a pair has segment 1 from the second text to its [SEP]", "[data][pairs]") {
  const PairEncoder encoder(tiny_vocabulary(), 9, true);
  Row row = encode(encoder, "the cat", "it ran");
  CHECK(row.ids == Ids{3, 6, 7, 4, 40, 36, 4, 0, 0});
  CHECK(row.segments == Ids{0, 0, 0, 0, 1, 1, 1, 0, 0});
  CHECK(row.used == 7);
  // 6 pieces fit: 5 and 2 pieces lose one of the first, 5 and 6 become 3 and 3.
  row = encode(encoder, "the cat sat on it", "it ran");
  CHECK(row.ids == Ids{3, 6, 7, 31, 32, 4, 40, 36, 4});
  CHECK(row.segments == Ids{0, 0, 0, 0, 0, 0, 1, 1, 1});
  row = encode(encoder, "the cat sat on it", "a b c a b c");
  CHECK(row.ids == Ids{3, 6, 7, 31, 4, 12, 14, 16, 4});
  CHECK(row.used == 9);
  row = encode(encoder, "", "cat");
  CHECK(row.ids == Ids{3, 4, 7, 4, 0, 0, 0, 0, 0});
  CHECK(row.segments == Ids{0, 0, 1, 1, 0, 0, 0, 0, 0});
  row = encode(encoder, "cat", "");
  CHECK(row.ids == Ids{3, 7, 4, 4, 0, 0, 0, 0, 0});
  CHECK(row.segments == Ids{0, 0, 0, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("an odd budget gives the longer text of a pair one piece more", "[data][pairs]") {
  const PairEncoder encoder(tiny_vocabulary(), 6, true);
  CHECK(encode(encoder, "a a a a", "b b b").ids == Ids{3, 12, 12, 4, 14, 4});
  CHECK(encode(encoder, "a a a", "b b b b").ids == Ids{3, 12, 4, 14, 14, 4});
  CHECK(encode(encoder, "a a a", "b b b").ids == Ids{3, 12, 4, 14, 14, 4});
}

TEST_CASE("the length of a row leaves room for a piece of each text", "[data][pairs]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  CHECK(encode(PairEncoder(vocabulary, 3, false), "the cat").ids == Ids{3, 6, 4});
  CHECK(encode(PairEncoder(vocabulary, 5, true), "the cat", "it ran").ids == Ids{3, 6, 4, 40, 4});
  require_error(ErrorKind::usage, {"at least 3", "got 2"},
                [&] { PairEncoder(vocabulary, 2, false); });
  require_error(ErrorKind::usage, {"at least 5", "got 4"},
                [&] { PairEncoder(vocabulary, 4, true); });
  require_error(ErrorKind::usage, {"got a pair"},
                [&] { encode(PairEncoder(vocabulary, 5, false), "the", "cat"); });
  Ids ids(5), segments(4);
  require_error(ErrorKind::failure, {"room for 5", "got 5 and 4"},
                [&] { PairEncoder(vocabulary, 5, false).encode("the", "", ids, segments); });
  CHECK(PairEncoder(vocabulary, 5, false).encode("the", "", ids, {}) == 3);
}

TEST_CASE("bert-base-uncased rows come out as worked out by hand", "[data][pairs]") {
  const auto file = shared_data("vocab/bert-base-uncased-vocab.txt");
  if (!file) return;
  const Vocabulary vocabulary = Vocabulary::load(*file);
  Row row = encode(PairEncoder(vocabulary, 8, false), "HÉLLO Wörld");
  CHECK(row.ids == Ids{101, 7592, 2088, 102, 0, 0, 0, 0});
  const PairEncoder pairs(vocabulary, 9, true);
  row = encode(pairs, "unaffable", "naïve café");
  CHECK(row.ids == Ids{101, 14477, 20961, 3468, 102, 15743, 7668, 102, 0});
  CHECK(row.segments == Ids{0, 0, 0, 0, 0, 1, 1, 1, 0});
  CHECK(row.used == 8);
  // 11 and 5 pieces in a budget of 6.
  row = encode(pairs, "Hello, y'all! How are you 😁 ?", "[MASK] tokens");
  CHECK(row.ids == Ids{101, 7592, 1010, 1061, 102, 1031, 7308, 1033, 102});
  CHECK(row.segments == Ids{0, 0, 0, 0, 0, 1, 1, 1, 1});
}
