#include "data/text/shards.h"

#include <functional>

#include "data/text/inspect.h"
#include "data/text/mlm.h"
#include "data/text/shard_writer.h"
#include "kernels/core/philox.h"
#include "tests/data/fixtures.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

/// Document i has sizes[i] pieces: 6, 7, ... and around.
Ids document(std::size_t i, std::int64_t size) {
  Ids ids;
  for (std::int64_t j = 0; j < size; ++j)
    ids.push_back(static_cast<std::int32_t>(6 + (static_cast<std::int64_t>(i) + j) % 30));
  return ids;
}

std::shared_ptr<const TokenShards> make_shards(const std::filesystem::path& directory,
                                               const std::vector<std::int64_t>& sizes,
                                               SampleMode mode = SampleMode::packed,
                                               std::int64_t shard_tokens = 1000000) {
  const Vocabulary vocabulary = tiny_vocabulary();
  ShardWriter writer(directory, vocabulary, mode, shard_tokens);
  for (std::size_t i = 0; i < sizes.size(); ++i) writer.add(document(i, sizes[i]));
  writer.finish();
  return std::make_shared<const TokenShards>(TokenShards::open(directory));
}

}  // namespace

TEST_CASE("documents come back from one or many shards", "[data][shards]") {
  const TempDir dir;
  const std::vector<std::int64_t> sizes{3, 1, 700, 2, 5, 128, 126, 1};
  for (const std::int64_t shard_tokens : {1, 100, 1000000}) {
    const auto shards =
        make_shards(dir / std::to_string(shard_tokens), sizes, SampleMode::document, shard_tokens);
    CHECK(shards->mode() == SampleMode::document);
    CHECK(shards->documents() == std::ssize(sizes));
    CHECK(shards->tokens() == 966);
    CHECK(shards->vocabulary().size() == tiny_vocabulary().size());
    CHECK(std::ssize(shards->shards()) == (shard_tokens == 1 ? 8 : shard_tokens == 100 ? 4 : 1));
    shards->verify();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto read = shards->document(static_cast<std::int64_t>(i));
      CHECK(Ids(read.begin(), read.end()) == document(i, sizes[i]));
    }
    CHECK_THROWS_AS(shards->document(8), Error);
    CHECK_THROWS_AS(shards->document(-1), Error);
  }
}

TEST_CASE("parts of a document join, empty documents vanish", "[data][shards]") {
  const TempDir dir;
  const Vocabulary vocabulary = tiny_vocabulary();
  ShardWriter writer(dir / "out", vocabulary, SampleMode::packed, 2);
  writer.add(Ids{6, 7});
  writer.add(Ids{8}, true);
  writer.add(Ids{});
  writer.add(Ids{9}, true);  // continues the empty one: a document of its own
  writer.add(Ids{10}, true);
  writer.add(Ids{});
  writer.finish();
  const TokenShards shards = TokenShards::open(dir / "out");
  REQUIRE(shards.documents() == 2);
  CHECK(shards.document(0).size() == 3);
  CHECK(shards.document(1)[0] == 9);
  CHECK(shards.document(1).size() == 2);
}

TEST_CASE("packed samples cut a document in chunks and drop a short last one", "[data][shards]") {
  const TempDir dir;
  // At length 12: 10 pieces a chunk; a last chunk below 8 is dropped unless it is the only one.
  const auto shards = make_shards(dir / "out", {3, 10, 17, 18, 25, 100, 1});
  const TokenSamples samples(shards, 12, SampleMode::packed);
  const std::vector<std::int64_t> chunks{1, 1, 1, 2, 2, 10, 1};
  std::int64_t index = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto whole = shards->document(static_cast<std::int64_t>(i));
    for (std::int64_t c = 0; c < chunks[i]; ++c, ++index) {
      const auto pieces = samples.pieces(index);
      CHECK(pieces.data() == whole.data() + 10 * c);
      CHECK(std::ssize(pieces) == std::min<std::int64_t>(10, std::ssize(whole) - 10 * c));
    }
  }
  CHECK(samples.size() == index);
  CHECK_THROWS_AS(samples.pieces(index), Error);
}

TEST_CASE("packed samples are found among many documents", "[data][shards]") {
  const TempDir dir;
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < 300; ++i) sizes.push_back(1 + i * 7 % 45);
  const auto shards = make_shards(dir / "out", sizes, SampleMode::packed, 500);
  const TokenSamples samples(shards, 12, SampleMode::packed);
  std::int64_t index = 0;
  for (std::int64_t i = 0; i < 300; ++i) {
    const auto whole = shards->document(i);
    for (std::size_t at = 0; at < whole.size(); at += 10, ++index) {
      if (at > 0 && whole.size() - at < 8) break;
      REQUIRE(samples.pieces(index).data() == whole.data() + at);
    }
  }
  CHECK(samples.size() == index);
}

TEST_CASE("document samples are the first pieces", "[data][shards]") {
  const TempDir dir;
  const auto shards = make_shards(dir / "out", {3, 10, 17, 100}, SampleMode::document);
  const TokenSamples samples(shards, 12, SampleMode::document);
  REQUIRE(samples.size() == 4);
  CHECK(samples.pieces(0).size() == 3);
  CHECK(samples.pieces(3).size() == 10);
  CHECK(samples.pieces(3).data() == shards->document(3).data());
  require_error(ErrorKind::usage, {"length", "2"},
                [&] { TokenSamples(shards, 2, SampleMode::document); });
}

TEST_CASE("inspect counts what a directory holds", "[data][shards]") {
  const TempDir dir;
  make_shards(dir / "out", {3, 25, 7}, SampleMode::packed, 20);
  const InspectReport report = inspect(dir / "out", 12);
  CHECK(report.mode == SampleMode::packed);
  CHECK(report.vocabulary == tiny_vocabulary().size());
  CHECK(report.shards == 2);
  CHECK(report.documents == 3);
  CHECK(report.tokens == 35);
  CHECK(report.shortest_document == 3);
  CHECK(report.longest_document == 25);
  CHECK(report.samples == 4);  // 1 + 2 + 1: the last 5 of 25 are dropped
  CHECK(report.used_share == Approx((5 + 12 + 12 + 9) / 48.0));
  CHECK(report.distinct == 26);  // 6 to 31
  CHECK(report.unknown_rate == 0);
  CHECK(report.unigram_entropy > 3);
  CHECK(inspect(dir / "out", 0).samples == 0);
}

TEST_CASE("damage to a token directory is reported by file", "[data][shards]") {
  const TempDir dir;
  const auto damaged = [&](const std::string& name, const std::string& file,
                           const std::function<void(std::string&)>& damage) {
    make_shards(dir / name, {5, 20, 9});
    std::string bytes = read_text(dir / name / file);
    damage(bytes);
    write_text(dir / name / file, bytes);
    return dir / name;
  };
  const auto refuse = [&](const std::filesystem::path& path,
                          const std::vector<std::string>& words) {
    require_error(ErrorKind::input_data, words, [&] { TokenShards::open(path).verify(); });
  };
  const std::string shard = "tokens-00000.bin";
  refuse(damaged("cut", shard, [](std::string& b) { b.pop_back(); }),
         {"cut/tokens-00000.bin", "got"});
  refuse(damaged("long", shard, [](std::string& b) { b += "12345678"; }),
         {"long/tokens-00000.bin"});
  refuse(damaged("magic", shard, [](std::string& b) { b[0] = 'X'; }),
         {"magic/", "not a token shard"});
  refuse(damaged("flip", shard, [](std::string& b) { b[20] ^= 1; }),
         {"flip/tokens-00000.bin", "checksum"});
  refuse(damaged("index", "index.txt", [](std::string& b) { b.resize(b.size() - 10); }),
         {"index/index.txt", "line"});
  refuse(damaged("version", "index.txt", [](std::string& b) { b[14] = '9'; }),
         {"index.txt", "version"});
  refuse(damaged("sums", "index.txt",
                 [](std::string& b) { b.replace(b.find("documents 3"), 11, "documents 4"); }),
         {"index.txt", "add up"});
  refuse(damaged("vocab", "vocab.txt", [](std::string& b) { b += "more\n"; }),
         {"vocab/vocab.txt", "vocabulary"});
  refuse(damaged("huge", "index.txt",
                 [](std::string& b) {
                   b.replace(b.find("bin 3 34"), 8, "bin 3 99999999999999999999");
                 }),
         {"index.txt"});
  std::filesystem::remove(dir / "huge" / "index.txt");
  refuse(dir / "huge", {"huge", "index.txt"});
  refuse(dir / "absent", {"absent", "no such directory"});
}

TEST_CASE("damaged offsets never lead outside the file", "[data][shards]") {
  const TempDir dir;
  make_shards(dir / "out", {5, 20, 9});
  const std::filesystem::path file = dir / "out/tokens-00000.bin";
  std::string bytes = read_text(file);
  bytes[bytes.size() - 3] = 0x7F;  // the end of the last document
  write_text(file, bytes);
  const TokenShards shards = TokenShards::open(dir / "out");
  CHECK(shards.document(1).size() == 20);
  require_error(ErrorKind::input_data, {"tokens-00000.bin", "damaged", "document 2"},
                [&] { shards.document(2); });
}

TEST_CASE("random damage is an input error or harmless, never a crash", "[data][shards]") {
  const TempDir dir;
  make_shards(dir / "out", {5, 20, 9, 130});
  const Philox random(1, RandomPurpose::test);
  for (const char* name : {"index.txt", "vocab.txt", "tokens-00000.bin"}) {
    const std::string whole = read_text(dir / "out" / name);
    for (std::uint64_t trial = 0; trial < 200; ++trial) {
      std::string bytes = whole;
      const auto size = static_cast<std::uint32_t>(bytes.size());
      for (std::uint64_t i = 0; i <= trial % 3; ++i) {
        const auto [kind, where, what, unused] = random.words(trial, i);
        const std::size_t at = Philox::below(size, where) % bytes.size();
        if (kind % 4 == 0 && at > 0) bytes.resize(at);
        if (kind % 4 == 1) bytes.insert(at, 1, static_cast<char>(what));
        if (kind % 4 >= 2) bytes[at] = static_cast<char>(what);
      }
      write_text(dir / "out" / name, bytes);
      try {
        const auto shards = std::make_shared<const TokenShards>(TokenShards::open(dir / "out"));
        const MlmDataset dataset(shards, 12, {});
        Batch batch = dataset.empty_batch(1, make_host_pool());
        for (std::int64_t i = 0; i < dataset.size(); ++i) dataset.item(i, 0, batch, 0);
        shards->verify();
        if (bytes != whole && std::string_view(name) != "index.txt") FAIL("damage went unnoticed");
      } catch (const Error& error) {
        INFO(error.what());
        REQUIRE(error.kind() == ErrorKind::input_data);
      }
    }
    write_text(dir / "out" / name, whole);
  }
}

TEST_CASE("a token directory may be named with a slash at its end", "[data][shards]") {
  const TempDir dir;
  make_shards(dir.path() / "tokens", {3, 40});
  const TokenShards shards = TokenShards::open(dir.path() / "tokens" / "");
  CHECK(shards.documents() == 2);
  shards.verify();
  std::string index = slurp(dir.path() / "tokens/index.txt");
  const std::string name = "shard tokens-00000.bin";
  index.replace(index.find(name), name.size(), "shard ../tokens/tokens-00000.bin");
  spit(dir.path() / "tokens/index.txt", index);
  require_error(ErrorKind::input_data, {"a shard must lie in the token directory"},
                [&] { TokenShards::open(dir.path() / "tokens"); });
}

TEST_CASE("a vocabulary too large for 16 bits is refused", "[data][shards]") {
  const TempDir dir;
  std::vector<std::string> pieces = tiny_pieces();
  for (int i = 0; pieces.size() <= 65536; ++i) pieces.push_back(std::to_string(i) + "w");
  const Vocabulary vocabulary(pieces);
  require_error(ErrorKind::usage, {"65536", "65537"},
                [&] { ShardWriter(dir / "out", vocabulary, SampleMode::packed, 10); });
}
