#include "kernels/core/philox.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "train/checkpoint/checkpoint.h"
#include "train/config/load.h"
#include "train/log/metrics.h"
#include "train/report/report.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kInputs = 500;

/// The text with one to four changes: a byte replaced, a part cut, doubled or overwritten by
/// another part. Input `number` is always the same.
std::string damaged(std::string text, std::uint64_t number) {
  const Philox philox(number, RandomPurpose::test);
  const auto words = philox.words(0, 0);
  const auto position = [](std::uint32_t word, std::size_t size) {
    return static_cast<std::size_t>(Philox::below(static_cast<std::uint32_t>(size), word));
  };
  for (std::uint64_t change = 0; change <= words[0] % 4 && !text.empty(); ++change) {
    const auto [kind, where, length, value] = philox.words(1, change);
    const std::size_t at = position(where, text.size());
    const std::size_t count = 1 + position(length, std::min<std::size_t>(text.size() - at, 40));
    switch (kind % 5) {
      case 0:
        text[at] = static_cast<char>(value);
        break;
      case 1:
        text.erase(at, count);
        break;
      case 2:
        text.insert(at, text.substr(position(value, text.size()), count));
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text.replace(at, count, text.substr(position(value, text.size()), count));
    }
  }
  return text;
}

/// `read` of a damaged input either works or throws an Error; how many were refused.
template <class Read>
std::uint64_t count_refused(const std::string& whole, const Read& read) {
  std::uint64_t refused = 0;
  for (std::uint64_t number = 0; number < kInputs; ++number) {
    const std::string input = damaged(whole, number);
    try {
      read(input);
    } catch (const Error&) {
      ++refused;
    } catch (const std::exception& other) {
      FAIL("input " << number << ": " << other.what() << "\n" << input);
    }
  }
  return refused;
}

}  // namespace

TEST_CASE("a damaged configuration is an error, never a crash", "[train][fuzz]") {
  const std::string whole =
      to_json(parse_config(R"({"name": "a", "model": {"type": "bert"}, "task": {"type": "mlm"},
      "data": {"type": "text_shards", "train": "t"},
      "optimizer": {"groups": [{"match": "*", "learning_rate": 1}]}})",
                           "test"));
  CHECK(count_refused(whole, [](const std::string& text) { parse_config(text, "x"); }) > 200);
}

TEST_CASE("a damaged safetensors file is an error, never a crash", "[train][fuzz]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  const Tensor a = ctx.zeros({3, 2}), b = ctx.zeros({1}, DType::i64);
  write_safetensors(dir / "x", {{"a", a}, {"b", b}}, {{"k", "v"}});
  const std::uint64_t refused = count_refused(slurp(dir / "x"), [&](const std::string& bytes) {
    spit(dir / "y", bytes);
    const SafetensorsFile file = SafetensorsFile::open(dir / "y");
    for (const SafetensorsEntry& entry : file.entries())
      if (entry.bytes <= 24 && entry.shape.size() == 1) {
        Tensor to = ctx.empty({entry.shape[0]}, entry.dtype);
        file.read(entry.name, to);
      }
  });
  CHECK(refused > 200);
}

TEST_CASE("a damaged state.json is an error, never a crash", "[train][fuzz]") {
  const TempDir dir;
  CheckpointState state{parse_config(R"({"name": "a", "model": {"type": "bert"},
      "task": {"type": "mlm"}, "data": {"type": "text_shards", "train": "t"}})",
                                     "test"),
                        {},
                        "0",
                        "c",
                        {}};
  for (const char* file : {kModelFile, kOptimizerFile}) {
    spit(dir / file, "x");
    state.files[file] = {1, 7};
  }
  const std::string whole = to_json(state);
  spit(dir / kStateFile, whole);
  read_state(dir.path());
  const std::uint64_t refused = count_refused(whole, [&](const std::string& text) {
    spit(dir / kStateFile, text);
    read_state(dir.path());
  });
  CHECK(refused > 200);
}

TEST_CASE("damaged metrics are an error of the report, and resuming repairs them",
          "[train][fuzz]") {
  const TempDir dir;
  spit(dir / "config.json", "{}");
  std::string whole;
  for (std::int64_t step = 1; step <= 6; ++step)
    whole += to_json(MetricLine{step, step % 3 ? "train" : "valid", {{"loss", 0.5}}}) + "\n";
  const std::uint64_t refused = count_refused(whole, [&](const std::string& text) {
    spit(dir / "metrics.jsonl", text);
    MetricsFile(dir / "metrics.jsonl", 4).write({5, "train", {{"loss", 1}}});
    spit(dir / "metrics.jsonl", text);
    write_report(dir.path());
  });
  CHECK(refused > 100);
}
