#include "data/text/mlm.h"

#include <cmath>

#include "data/text/shard_writer.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

struct Row {
  Ids ids, labels;
};

Row row_of(const Dataset& dataset, std::int64_t index, std::uint64_t draw) {
  Batch batch = dataset.empty_batch(2, make_host_pool());
  dataset.item(index, draw, batch, 1);
  const std::int64_t length = batch.inputs.shape()[1];
  const std::int32_t* ids = batch.inputs.data<std::int32_t>() + length;
  const std::int32_t* labels = batch.labels.data<std::int32_t>() + length;
  return {Ids(ids, ids + length), Ids(labels, labels + length)};
}

std::shared_ptr<const TokenShards> shards_of(const std::filesystem::path& directory,
                                             const std::vector<Ids>& documents) {
  const Vocabulary vocabulary = tiny_vocabulary();
  ShardWriter writer(directory, vocabulary, SampleMode::packed, 1000000);
  for (const Ids& ids : documents) writer.add(ids);
  writer.finish();
  return std::make_shared<const TokenShards>(TokenShards::open(directory));
}

/// Within 3 standard deviations of a binomial count.
void check_share(std::int64_t count, std::int64_t total, double probability) {
  const auto n = static_cast<double>(total);
  const double sigma = std::sqrt(n * probability * (1 - probability));
  INFO(count << " of " << total << ", expected " << probability);
  CHECK(std::abs(static_cast<double>(count) - n * probability) < 3 * sigma);
}

}  // namespace

TEST_CASE("masking follows 80/10/10 of the selected", "[data][mlm]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  const std::int32_t word = 7;
  for (const double probability : {0.15, 0.30}) {
    MaskOptions options;
    options.probability = probability;
    options.seed = 11;
    std::int64_t total = 0, selected = 0, masked = 0, kept = 0, other = 0;
    for (std::uint64_t item = 0; item < 400; ++item) {
      Ids ids(500, word), labels(500, -7);
      mask_tokens(options, vocabulary, item, ids, labels);
      for (std::size_t l = 0; l < ids.size(); ++l) {
        ++total;
        if (labels[l] == -1) {
          REQUIRE(ids[l] == word);
          continue;
        }
        REQUIRE(labels[l] == word);
        ++selected;
        if (ids[l] == word)
          ++kept;
        else if (ids[l] == vocabulary.mask())
          ++masked;
        else
          ++other;
      }
    }
    // A random piece may be [MASK] or the word itself: 1 in V each.
    const double one = 0.1 / static_cast<double>(vocabulary.size());
    check_share(selected, total, probability);
    check_share(masked, selected, 0.8 + one);
    check_share(kept, selected, 0.1 + one);
    check_share(other, selected, 0.1 - 2 * one);
  }
}

TEST_CASE("random pieces are uniform over the whole vocabulary", "[data][mlm]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  MaskOptions options;
  options.probability = 1;
  options.mask_fraction = 0;
  options.random_fraction = 1;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocabulary.size()), 0);
  for (std::uint64_t item = 0; item < 100; ++item) {
    Ids ids(450, 7), labels(450);
    mask_tokens(options, vocabulary, item, ids, labels);
    for (const std::int32_t id : ids) ++counts.at(static_cast<std::size_t>(id));
  }
  // Chi-square with V - 1 = 44 degrees of freedom: mean 44, sigma sqrt(88).
  double chi = 0;
  const double expected = 45000.0 / static_cast<double>(vocabulary.size());
  for (const std::int64_t count : counts)
    chi += std::pow(static_cast<double>(count) - expected, 2) / expected;
  CHECK(std::abs(chi - 44) < 3 * std::sqrt(88.0));
}

TEST_CASE("specials are never selected", "[data][mlm]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  MaskOptions options;
  options.probability = 1;
  Ids ids{3, 7, 2, 5, 0, 1, 8, 4}, labels(8);
  mask_tokens(options, vocabulary, 3, ids, labels);
  CHECK(labels == Ids{-1, 7, -1, -1, -1, 1, 8, -1});  // [unused0] is an ordinary piece
  CHECK(ids[0] == 3);
  CHECK(ids[2] == 2);
  CHECK(ids[7] == 4);
}

TEST_CASE("a probability of 0 selects nothing", "[data][mlm]") {
  MaskOptions options;
  options.probability = 0;
  Ids ids(1000, 7), labels(1000);
  mask_tokens(options, tiny_vocabulary(), 3, ids, labels);
  CHECK(labels == Ids(1000, -1));
}

TEST_CASE("a row is [CLS] pieces [SEP] and padding", "[data][mlm]") {
  const TempDir dir;
  MaskOptions options;
  options.probability = 0;
  const MlmDataset dataset(shards_of(dir / "out", {{7, 8}, Ids(30, 9)}), 12, options);
  REQUIRE(dataset.size() == 4);
  CHECK(row_of(dataset, 0, 0).ids == Ids{3, 7, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(row_of(dataset, 1, 0).ids == Ids{3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 4});
  CHECK(row_of(dataset, 0, 0).labels == Ids(12, -1));
  Batch batch = dataset.empty_batch(1, make_host_pool());
  dataset.item(0, 0, batch, 0);
  CHECK(batch.lengths.data<std::int32_t>()[0] == 4);
  CHECK_FALSE(batch.segments.defined());
}

TEST_CASE("an item depends on index, draw and seed alone", "[data][mlm]") {
  const TempDir dir;
  const auto shards = shards_of(dir / "out", {Ids(300, 9), Ids(100, 9)});
  MaskOptions options;
  const MlmDataset dataset(shards, 52, options);
  const Row row = row_of(dataset, 2, 5);
  row_of(dataset, 1, 6);
  CHECK(row_of(dataset, 2, 5).labels == row.labels);
  CHECK(row_of(dataset, 2, 5).ids == row.ids);
  CHECK(row_of(dataset, 2, 6).labels != row.labels);
  CHECK(row_of(dataset, 3, 5).labels != row.labels);  // the same pieces, another sample
  options.seed = 1;
  CHECK(row_of(MlmDataset(shards, 52, options), 2, 5).labels != row.labels);
}

TEST_CASE("masking options out of range are usage errors", "[data][mlm]") {
  const TempDir dir;
  const auto shards = shards_of(dir / "out", {Ids(10, 9)});
  const auto refuse = [&](MaskOptions options, const std::string& word) {
    require_error(ErrorKind::usage, {word}, [&] { MlmDataset(shards, 12, options); });
  };
  refuse({1.5, 0.8, 0.1, 0}, "probability");
  refuse({0.3, -0.1, 0.1, 0}, "mask_fraction");
  refuse({0.3, 0.8, 0.3, 0}, "mask_fraction + random_fraction");
  refuse({std::nan(""), 0.8, 0.1, 0}, "probability");
}

TEST_CASE("an empty token directory and a foreign piece are input errors", "[data][mlm]") {
  const TempDir dir;
  require_error(ErrorKind::input_data, {"no documents"},
                [&] { MlmDataset(shards_of(dir / "none", {}), 12, {}); });
  const MlmDataset dataset(shards_of(dir / "out", {{7, 999}}), 12, {});
  require_error(ErrorKind::input_data, {"piece 999", "out"}, [&] { row_of(dataset, 0, 0); });
}

TEST_CASE("unigram entropy is that of the counts, without specials", "[data][mlm]") {
  const TempDir dir;
  // Pieces 7, 8, 9 occur 4, 2, 2 times: H = 0.5 ln 2 + 0.5 ln 4; [UNK] does not count.
  const auto shards = shards_of(dir / "out", {{7, 7, 8, 9, 2, 2}, {7, 7, 8, 9}});
  CHECK(unigram_entropy(*shards) == Approx(1.5 * std::log(2.0)).epsilon(1e-12));
}
