#include "data/text/tokenize.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "data/io/checksum.h"
#include "data/io/partial.h"
#include "data/io/paths.h"
#include "data/text/shard_writer.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBlockBytes = 12000;  ///< about 2000 words of English
constexpr std::size_t kPortionBytes = std::size_t{1} << 18;
constexpr std::int64_t kDocumentCharacters = 4000;  ///< of C4's recipe

/// What becomes of one record.
struct Encoded {
  std::vector<std::int32_t> ids;
  bool continues = false;
  bool valid = false;
};

SampleMode mode_for(const TokenizeOptions& options, const std::vector<fs::path>& files) {
  if (options.mode) return *options.mode;
  const auto json = std::count_if(files.begin(), files.end(), [](const fs::path& file) {
    return format_of(file) == SourceFormat::json_lines;
  });
  ORCHID_CHECK_USAGE(json == 0 || json == std::ssize(files),
                     "the input has both text and JSON lines: say whether samples are made by "
                     "document or packed");
  return json > 0 ? SampleMode::document : SampleMode::packed;
}

/// Reads, encodes and writes portions of the input on several threads. A thread reads the next
/// portion while holding the read lock, encodes it, waits for its turn, and writes it; so order
/// and output do not depend on the threads, and at most one portion a thread is in memory.
class Pipeline {
 public:
  Pipeline(const TokenizeOptions& options, TokenizeReport& report, const Vocabulary& vocabulary,
           std::vector<fs::path> files)
      : options_(options),
        report_(report),
        unknown_(vocabulary.unknown()),
        wordpiece_(vocabulary, options.wordpiece),
        max_characters_(options.max_characters.value_or(
            report.mode == SampleMode::document ? kDocumentCharacters : 0)),
        reader_(std::move(files), options.unit,
                report.mode == SampleMode::packed && max_characters_ == 0 && options.max_pieces == 0
                    ? kBlockBytes
                    : 0) {}

  void run(ShardWriter& train, ShardWriter* valid) {
    train_ = &train;
    valid_ = valid;
    const int all = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    std::vector<std::jthread> others;
    for (int i = 1; i < (options_.threads > 0 ? options_.threads : all); ++i) {
      others.emplace_back([this] { work(); });
    }
    work();
    others.clear();  // joins
    if (failure_) std::rethrow_exception(failure_);
    end_document();
  }

 private:
  void work() {
    const std::shared_ptr<WordCache> cache = wordpiece_.make_cache();
    std::vector<Record> records;
    std::vector<Encoded> encoded;
    for (bool more = true; more;) {
      std::int64_t turn = 0;
      std::exception_ptr error;
      double fraction = 0;
      {
        const std::lock_guard lock(read_);
        turn = portions_++;
        error = catching([&] {
          leave_if(options_.stop);
          more = reader_.next_portion(records, kPortionBytes);
          fraction = reader_.fraction();
        });
      }
      if (!error) error = catching([&] { encode(records, *cache, encoded); });

      std::unique_lock lock(write_);
      changed_.wait(lock, [&] { return turn_ == turn; });
      if (!error && !failure_) {
        error = catching([&] {
          for (const Encoded& one : encoded) write(one);
          if (options_.progress) options_.progress(fraction);
        });
      }
      if (error && !failure_) failure_ = error;
      more = more && !failure_;
      ++turn_;
      changed_.notify_all();
    }
  }

  static std::exception_ptr catching(const std::function<void()>& body) {
    try {
      body();
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  void encode(std::vector<Record>& records, WordCache& cache, std::vector<Encoded>& encoded) {
    encoded.clear();
    std::int64_t bytes = 0;
    for (Record& record : records) {
      Encoded& one = encoded.emplace_back();
      one.continues = record.continues;
      const std::string whole = decode(std::move(record));
      const std::string_view text = first_characters(whole, max_characters_);
      wordpiece_.encode(text, cache, one.ids, options_.max_pieces);
      constexpr double kHashes = 0x1p53;
      one.valid = static_cast<double>(checksum(text) >> 11) < options_.valid_fraction * kHashes;
      bytes += static_cast<std::int64_t>(whole.size());
    }
    const std::lock_guard lock(write_);
    report_.bytes += bytes;
  }

  void write(const Encoded& one) {
    if (!one.continues) {
      end_document();
      ++report_.documents;
      document_pieces_ = 0;
      inside_document_ = true;
    }
    ShardWriter& out = one.valid ? *valid_ : *train_;
    out.add(one.ids, one.continues && one.valid == last_valid_);
    last_valid_ = one.valid;
    document_pieces_ += std::ssize(one.ids);
    unknown_pieces_ += std::count(one.ids.begin(), one.ids.end(), unknown_);
    report_.tokens += std::ssize(one.ids);
    report_.unknown_rate =
        static_cast<double>(unknown_pieces_) / std::max(1.0, static_cast<double>(report_.tokens));
  }

  void end_document() {
    if (inside_document_ && document_pieces_ == 0) ++report_.empty_documents;
    inside_document_ = false;
  }

  const TokenizeOptions& options_;
  TokenizeReport& report_;
  const std::int32_t unknown_;
  WordPiece wordpiece_;
  const std::int64_t max_characters_;

  std::mutex read_;  ///< of these two
  RecordReader reader_;
  std::int64_t portions_ = 0;

  std::mutex write_;  ///< of the rest, and the report
  std::condition_variable changed_;
  std::int64_t turn_ = 0;  ///< the portion to be written next
  std::exception_ptr failure_;
  ShardWriter* train_ = nullptr;
  ShardWriter* valid_ = nullptr;
  bool inside_document_ = false;
  bool last_valid_ = false;
  std::int64_t document_pieces_ = 0;
  std::int64_t unknown_pieces_ = 0;
};

void check(const TokenizeOptions& options) {
  ORCHID_CHECK_USAGE(!options.out.empty(), "tokenize: no output directory given");
  ORCHID_CHECK_USAGE(options.valid_fraction >= 0 && options.valid_fraction < 1,
                     "valid_fraction: expected 0 or above and below 1, got ",
                     options.valid_fraction);
  ORCHID_CHECK_USAGE(options.max_pieces >= 0 && options.max_characters.value_or(0) >= 0,
                     "max_pieces and max_characters: expected no negative numbers, got ",
                     options.max_pieces, " and ", options.max_characters.value_or(0));
}

void check_written(const TokenizeOptions& options, const TokenizeReport& report) {
  ORCHID_CHECK_INPUT(report.tokens > 0, "no text in ", options.inputs.front(),
                     options.inputs.size() > 1 ? " and the others" : "");
  ORCHID_CHECK_USAGE(
      options.valid_fraction == 0 || (report.valid_documents > 0 && report.train_documents > 0),
      "valid_fraction ", options.valid_fraction, ": ", report.train_documents,
      " documents for training and ", report.valid_documents,
      " for validation; change the fraction");
}

}  // namespace

double TokenizeReport::megabytes_per_second() const {
  return seconds > 0 ? static_cast<double>(bytes) * 1e-6 / seconds : 0;
}

TokenizeReport tokenize(const TokenizeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check(options);
  const std::vector<fs::path> files = list_sources(options.inputs);
  const Vocabulary vocabulary = Vocabulary::load(options.vocabulary);
  const fs::path out = without_slash(options.out);
  const bool split = options.valid_fraction > 0;

  TokenizeReport report;
  report.files = std::ssize(files);
  report.mode = mode_for(options, files);
  PartialFolder partial(out);
  ShardWriter train(split ? partial.path() / "train" : partial.path(), vocabulary, report.mode,
                    options.shard_tokens);
  std::optional<ShardWriter> valid;
  if (split) {
    valid.emplace(partial.path() / "valid", vocabulary, report.mode, options.shard_tokens);
  }
  Pipeline(options, report, vocabulary, files).run(train, valid ? &*valid : nullptr);

  report.train_documents = train.documents();
  report.train_tokens = train.tokens();
  report.valid_documents = valid ? valid->documents() : 0;
  report.valid_tokens = valid ? valid->tokens() : 0;
  check_written(options, report);
  train.finish();
  if (valid) valid->finish();
  partial.commit();
  report.train = split ? out / "train" : out;
  report.valid = split ? out / "valid" : fs::path();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  report.seconds = elapsed.count();
  return report;
}

}  // namespace orchid::data
