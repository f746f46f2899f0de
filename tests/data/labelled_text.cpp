#include "data/text/labelled_text.h"

#include <algorithm>
#include <map>
#include <set>

#include "data/loader.h"
#include "kernels/core/philox.h"
#include "tests/data/fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

/// Two random texts of 0 to 9 words each.
std::vector<TextExample> random_examples(std::int64_t count, bool pairs) {
  const std::vector<std::string> words{"the", "unaffable", "cats", "ran", "xyz", "on", "it,", "a"};
  const Philox random(5, RandomPurpose::test);
  const auto text = [&](std::uint64_t item) {
    std::string joined;
    for (std::uint64_t i = 1; i <= random.words(item, 0)[0] % 10; ++i)
      joined += words[random.words(item, i)[0] % words.size()] + " ";
    return joined;
  };
  std::vector<TextExample> examples;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto item = 2 * static_cast<std::uint64_t>(i);
    examples.push_back({text(item), pairs ? text(item + 1) : "", static_cast<std::int32_t>(i % 3),
                        static_cast<float>(i) / 8, str("id", i)});
  }
  return examples;
}

template <class T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.data<T>() + tensor.count()};
}

Batch whole(const Dataset& dataset) {
  Batch batch = dataset.empty_batch(dataset.size(), make_host_pool());
  for (std::int64_t i = 0; i < dataset.size(); ++i) dataset.item(i, 0, batch, i);
  return batch;
}

}  // namespace

TEST_CASE("labelled pairs have ids, segments, lengths and classes", "[data][labelled_text]") {
  const std::vector<TextExample> examples{{"the cat", "it ran", 1, 0, "7"},
                                          {"the cat sat on it", "a b c a b c", 0, 0, "8"}};
  const PairEncoder encoder(tiny_vocabulary(), 9, true);
  const LabelledText dataset(examples, encoder, Labels::classes);
  REQUIRE(dataset.size() == 2);
  CHECK(dataset.length() == 9);
  CHECK(dataset.tokens() == 16);
  CHECK(dataset.id(1) == "8");
  CHECK(std::ranges::equal(dataset.targets(), Ids{1, 0}));
  CHECK(dataset.scores().empty());
  const Batch batch = whole(dataset);
  CHECK(values<std::int32_t>(batch.inputs) ==
        Ids{3, 6, 7, 4, 40, 36, 4, 0, 0, 3, 6, 7, 31, 4, 12, 14, 16, 4});
  CHECK(values<std::int32_t>(batch.segments) ==
        Ids{0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(values<std::int32_t>(batch.lengths) == Ids{7, 9});
  CHECK(values<std::int32_t>(batch.targets) == Ids{1, 0});
  CHECK_FALSE(batch.scores.defined());
  CHECK_FALSE(batch.labels.defined());
  CHECK_FALSE(batch.positions.defined());
}

TEST_CASE("single texts have no segments, and scores or no targets at all",
          "[data][labelled_text]") {
  const std::vector<TextExample> examples{{"the cat", "", -1, 2.5f, "7"}, {"", "", -1, 0, "8"}};
  const PairEncoder encoder(tiny_vocabulary(), 5, false);
  const LabelledText scored(examples, encoder, Labels::scores);
  const Batch batch = whole(scored);
  CHECK(values<std::int32_t>(batch.inputs) == Ids{3, 6, 7, 4, 0, 3, 4, 0, 0, 0});
  CHECK(values<float>(batch.scores) == std::vector<float>{2.5f, 0});
  CHECK(std::ranges::equal(scored.scores(), std::vector<float>{2.5f, 0}));
  CHECK(scored.targets().empty());
  CHECK_FALSE(batch.segments.defined());
  CHECK_FALSE(batch.targets.defined());

  const Batch bare = whole(LabelledText(examples, encoder, Labels::none));
  CHECK(bare.inputs.defined());
  CHECK_FALSE(bare.targets.defined());
  CHECK_FALSE(bare.scores.defined());
}

TEST_CASE("every row is what the encoder makes of its example", "[data][labelled_text]") {
  for (const bool pairs : {false, true}) {
    const std::vector<TextExample> examples = random_examples(300, pairs);
    const PairEncoder encoder(tiny_vocabulary(), 16, pairs);
    const LabelledText dataset(examples, encoder, Labels::classes);
    Batch batch = dataset.empty_batch(2, make_host_pool());
    std::int64_t cut = 0, tokens = 0;
    for (std::int64_t i = dataset.size() - 1; i >= 0; --i) {
      INFO("example " << i);
      const TextExample& example = examples[static_cast<std::size_t>(i)];
      dataset.item(i, static_cast<std::uint64_t>(i), batch, 1);
      Ids ids(16), segments(16);
      const std::int64_t used = encoder.encode(example.first, example.second, ids, segments);
      const Ids inputs = values<std::int32_t>(batch.inputs);
      REQUIRE(Ids(inputs.begin() + 16, inputs.end()) == ids);
      REQUIRE(values<std::int32_t>(batch.lengths)[1] == used);
      REQUIRE(values<std::int32_t>(batch.targets)[1] == example.label);
      if (pairs) {
        const Ids got = values<std::int32_t>(batch.segments);
        REQUIRE(Ids(got.begin() + 16, got.end()) == segments);
      }
      cut += used == 16;
      tokens += used;
    }
    CHECK(cut > 10);  // both short and long rows were seen
    CHECK(cut < 290);
    CHECK(dataset.tokens() == tokens);
  }
}

TEST_CASE("the number of threads changes nothing", "[data][labelled_text]") {
  const std::vector<TextExample> examples = random_examples(5000, true);
  const PairEncoder encoder(tiny_vocabulary(), 20, true);
  const Batch one = whole(LabelledText(examples, encoder, Labels::classes, 1));
  for (const int threads : {0, 2, 5, 30}) {
    INFO("threads " << threads);
    const Batch many = whole(LabelledText(examples, encoder, Labels::classes, threads));
    CHECK(values<std::int32_t>(many.inputs) == values<std::int32_t>(one.inputs));
    CHECK(values<std::int32_t>(many.segments) == values<std::int32_t>(one.segments));
    CHECK(values<std::int32_t>(many.lengths) == values<std::int32_t>(one.lengths));
    CHECK(values<std::int32_t>(many.targets) == values<std::int32_t>(one.targets));
  }
}

TEST_CASE("a loader hands out each example with its own label", "[data][labelled_text]") {
  std::vector<TextExample> examples = random_examples(50, true);
  for (std::size_t i = 0; i < examples.size(); ++i)
    examples[i].label = static_cast<std::int32_t>(i);
  const LabelledText dataset(examples, PairEncoder(tiny_vocabulary(), 16, true), Labels::classes);
  const Ids expected = values<std::int32_t>(whole(dataset).inputs);
  LoaderOptions options;
  options.micro_batch = 4;
  options.global_batch = 8;
  options.threads = 2;
  options.repeat = false;
  Loader loader(dataset, options);
  std::set<std::int32_t> seen;
  std::int64_t tokens = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    const Ids inputs = values<std::int32_t>(batch->inputs);
    REQUIRE(batch->targets.count() == batch->samples);
    CHECK_FALSE(batch->positions.defined());
    for (std::int64_t row = 0; row < batch->samples; ++row) {
      const std::int32_t label = batch->targets.data<std::int32_t>()[row];
      CHECK(seen.insert(label).second);
      CHECK(std::equal(inputs.begin() + 16 * row, inputs.begin() + 16 * row + 16,
                       expected.begin() + 16 * label));
    }
    tokens += batch->tokens;
  }
  CHECK(seen.size() == 50);
  CHECK(tokens == dataset.tokens());
}

TEST_CASE("a limit keeps a random part in order, chosen by the seed", "[data][labelled_text]") {
  const auto limited = [](std::int64_t count, std::uint64_t seed) {
    std::vector<TextExample> examples = random_examples(1000, false);
    limit_examples(examples, count, seed);
    std::vector<std::int64_t> numbers;
    for (const TextExample& example : examples) numbers.push_back(std::stoll(example.id.substr(2)));
    return numbers;
  };
  const std::vector<std::int64_t> part = limited(200, 1);
  REQUIRE(part.size() == 200);
  CHECK(std::is_sorted(part.begin(), part.end()));
  CHECK(std::set(part.begin(), part.end()).size() == 200);
  CHECK(limited(200, 1) == part);
  CHECK(limited(200, 2) != part);
  // The mean of 200 of 0 .. 999: 499.5, sigma 1000 / sqrt(12 * 200) * sqrt(0.8) = 18.3.
  double sum = 0;
  for (const std::int64_t number : part) sum += static_cast<double>(number);
  CHECK(std::abs(sum / 200 - 499.5) < 4 * 18.3);
  CHECK(limited(1000, 1).size() == 1000);
  CHECK(limited(5000, 1).back() == 999);
  require_error(ErrorKind::usage, {"limit", "got 0"}, [&] { limited(0, 1); });

  std::vector<TextExample> examples = random_examples(10, true);
  const std::vector<TextExample> before = examples;
  limit_examples(examples, 3, 4);
  REQUIRE(examples.size() == 3);
  for (const TextExample& example : examples) {
    const TextExample& same = before[static_cast<std::size_t>(std::stoll(example.id.substr(2)))];
    CHECK(example.first == same.first);
    CHECK(example.second == same.second);
    CHECK(example.label == same.label);
  }
}

TEST_CASE("what cannot be learned from is refused", "[data][labelled_text]") {
  const PairEncoder encoder(tiny_vocabulary(), 5, false);
  const std::vector<TextExample> unlabelled{{"the", "", 0, 0, "a"}, {"cat", "", -1, NAN, "b7"}};
  require_error(ErrorKind::input_data, {"example 1", "b7", "class"},
                [&] { LabelledText(unlabelled, encoder, Labels::classes); });
  require_error(ErrorKind::input_data, {"example 1", "b7", "finite"},
                [&] { LabelledText(unlabelled, encoder, Labels::scores); });
  const std::vector<TextExample> pair{{"the", "cat", 0, 0, "a"}};
  require_error(ErrorKind::usage, {"got a pair"},
                [&] { LabelledText(pair, encoder, Labels::classes, 3); });
  const LabelledText none({}, encoder, Labels::none);
  CHECK(none.size() == 0);
  Batch batch = none.empty_batch(1, make_host_pool());
  require_error(ErrorKind::failure, {"example 0 of 0"}, [&] { none.item(0, 0, batch, 0); });
  require_error(ErrorKind::failure, {"example -1 of 0"}, [&] { none.id(-1); });
  std::vector<std::string> pieces = tiny_pieces();
  while (pieces.size() <= 65536) pieces.push_back(str("w", pieces.size()));
  const PairEncoder large(Vocabulary(pieces), 5, false);
  require_error(ErrorKind::usage, {"65536", "got 65537"},
                [&] { LabelledText(unlabelled, large, Labels::none); });
}
