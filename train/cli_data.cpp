#include "train/cli_data.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "data/io/atomic_file.h"
#include "data/io/paths.h"
#include "data/io/stop.h"
#include "data/synthetic.h"
#include "data/text/inspect.h"
#include "data/text/mlm.h"
#include "data/text/tokenize.h"
#include "data/text/vocabulary_trainer.h"
#include "train/glue/submission.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"
#include "train/signals.h"

namespace orchid::train {
namespace {

constexpr int kBadInput = 3;
/// Bounds of counts: far beyond what fits on a disk, and sums of them do not overflow.
constexpr std::int64_t kMost = std::int64_t{1} << 40;
constexpr std::int64_t kMostFiles = 99999;          ///< names have five digits
constexpr std::int64_t kMostCharacters = 0x110000;  ///< of Unicode
/// CLI11 reads what is larger than 64 bits as the largest number of 64.
constexpr std::uint64_t kMostSeed = ~std::uint64_t{0} - 1;

CLI::Range count_from(std::int64_t least) {
  return CLI::Range(least, kMost);
}

struct TokenizeRequest {
  data::TokenizeOptions options;
  std::string unit = "file";
  std::string mode;
  std::int64_t max_characters = -1;
  bool json = false;
};

int run_tokenize(TokenizeRequest request) {
  data::TokenizeOptions& options = request.options;
  options.unit = data::parse_document_unit(request.unit);
  if (!request.mode.empty())
    options.mode = request.mode == "packed" ? data::SampleMode::packed : data::SampleMode::document;
  if (request.max_characters >= 0) options.max_characters = request.max_characters;
  options.progress = progress_line("tokenizing");
  options.stop = stop_asked;
  const data::TokenizeReport report = data::tokenize(options);
  JsonWriter json(2);
  json.begin_object().member("files", report.files).member("documents", report.documents);
  json.member("empty_documents", report.empty_documents).member("bytes", report.bytes);
  json.member("tokens", report.tokens).member("mode", data::name_of(report.mode));
  json.member("train", report.train.string()).member("train_documents", report.train_documents);
  json.member("train_tokens", report.train_tokens);
  json.member("valid", report.valid.string()).member("valid_documents", report.valid_documents);
  json.member("valid_tokens", report.valid_tokens);
  json.member("unknown_rate", report.unknown_rate).member("seconds", report.seconds);
  json.member("megabytes_per_second", report.megabytes_per_second()).end_object();
  std::string text =
      str(report.documents, " documents, ", report.tokens, " tokens (", report.unknown_rate * 100,
          " % unknown) in ", duration_text(report.seconds), "\n", report.train.string());
  if (!report.valid.empty()) text += "\n" + report.valid.string();
  print_answer(request.json, json.text(), text);
  return 0;
}

struct InspectRequest {
  std::string directory;
  std::int64_t length = 128;
  std::int64_t show = 0;
  bool json = false;
};

std::string inspect_text(const InspectRequest& request, const data::InspectReport& report) {
  const auto number = [](std::int64_t count) { return short_number(static_cast<double>(count)); };
  return str(request.directory, ": every file is as it was written\ndocuments        ",
             report.documents, " (", data::name_of(report.mode), "), ", report.shortest_document,
             " to ", report.longest_document, " pieces\ntokens           ", report.tokens, ", ",
             report.unknown_rate * 100, " % unknown, in ", report.shards, " shards of ",
             number(report.bytes), "B\nvocabulary       ", report.vocabulary, " pieces, ",
             report.distinct, " of them used\nsamples          ", report.samples, " of ",
             request.length, " tokens, ", report.used_share * 100,
             " % of them no padding\nunigram entropy  ", report.unigram_entropy, " nats");
}

int run_inspect(const InspectRequest& request) {
  if (is_packed_images(request.directory)) return inspect_images(request.directory, request.json);
  const data::InspectReport report = data::inspect(request.directory, request.length);
  JsonWriter json(2);
  json.begin_object().member("directory", request.directory);
  json.member("mode", data::name_of(report.mode)).member("documents", report.documents);
  json.member("shortest_document", report.shortest_document);
  json.member("longest_document", report.longest_document);
  json.member("tokens", report.tokens).member("unknown_rate", report.unknown_rate);
  json.member("shards", report.shards).member("bytes", report.bytes);
  json.member("vocabulary", report.vocabulary).member("distinct", report.distinct);
  json.member("length", request.length).member("samples", report.samples);
  json.member("used_share", report.used_share).member("unigram_entropy", report.unigram_entropy);
  std::string text = inspect_text(request, report);
  const auto shards =
      std::make_shared<data::TokenShards>(data::TokenShards::open(request.directory));
  const data::TokenSamples samples(shards, request.length, shards->mode());
  json.key("examples").begin_array();
  for (std::int64_t i = 0; i < std::min(request.show, samples.size()); ++i) {
    const auto pieces = samples.pieces(i);
    const std::string example = shards->vocabulary().decode({pieces.begin(), pieces.end()});
    json.value(example);
    text += str("\n", i, ": ", example);
  }
  json.end_array().end_object();
  print_answer(request.json, json.text(), text);
  return 0;
}

struct VocabularyRequest {
  data::VocabularyOptions options;
  std::string out;
  bool json = false;
};

int run_vocabulary(VocabularyRequest request) {
  request.options.progress = progress_line("counting words");
  request.options.stop = stop_asked;
  // Before the work: what is missing, and whether the result can be written. The files are listed
  // here, lest a pattern takes in the one that is written.
  std::vector<std::string> files;
  for (const auto& file : data::list_sources(request.options.inputs))
    files.push_back(file.string());
  request.options.inputs = files;
  ORCHID_CHECK_USAGE(!data::is_folder(request.out), request.out,
                     ": is a folder; expected the name of a file, such as vocab.txt in it");
  data::create_folders(std::filesystem::path(request.out).parent_path(), "choose another --out");
  data::remove_abandoned(request.out);
  data::AtomicFile out(request.out);
  data::VocabularyReport report;
  out.write(data::train_vocabulary(request.options, &report).text());
  out.commit();
  JsonWriter json(2);
  json.begin_object().member("vocabulary", request.out).member("pieces", report.pieces);
  json.member("files", report.files).member("documents", report.documents);
  json.member("bytes", report.bytes).member("words", report.words);
  json.member("distinct_words", report.distinct_words).member("seconds", report.seconds);
  json.end_object();
  print_answer(request.json, json.text(),
               str(request.out, ": ", report.pieces, " pieces from ", report.words, " words, ",
                   report.distinct_words, " different, in ", duration_text(report.seconds)));
  return 0;
}

void add_vocabulary(CLI::App& group, Action& action) {
  auto request = std::make_shared<VocabularyRequest>();
  data::VocabularyOptions& options = request->options;
  CLI::App* verb = group.add_subcommand("vocab", "Make a WordPiece vocabulary from text files");
  verb->add_option("inputs", options.inputs, "files, folders or patterns: .txt, .json, .jsonl, .gz")
      ->required();
  verb->add_option("--out", request->out, "vocab.txt to write")->required();
  verb->add_option("--size", options.size, "pieces at most")->check(CLI::Range(6, 65535));
  verb->add_option("--alphabet", options.alphabet, "most frequent characters to cover")
      ->check(CLI::Range(std::int64_t{1}, kMostCharacters));
  verb->add_option("--min-count", options.min_count, "a piece must occur as often")
      ->check(count_from(1));
  verb->add_option("--threads", options.threads, "0: all processors; the result is the same")
      ->check(CLI::Range(0, kMostThreads));
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(
      examples({"orchid data vocab book.txt --size 4096 --out build/data/vocab.txt",
                "orchid data vocab 'novels/*.txt' --out build/data/novels/vocab.txt --json"}));
  verb->callback([request, &action] {
    action = [request] { return until_stopped([&] { return run_vocabulary(*request); }); };
  });
}

struct SynthRequest {
  data::CorpusOptions options;
  bool json = false;
};

int run_synth(SynthRequest request) {
  request.options.progress = progress_line("writing");
  request.options.stop = stop_asked;
  const data::CorpusReport report = data::write_corpus(request.options);
  JsonWriter json(2);
  json.begin_object().member("documents", report.documents).member("bytes", report.bytes);
  json.member("seconds", report.seconds).key("files").begin_array();
  std::string text = str(report.documents, " documents, ",
                         short_number(static_cast<double>(report.bytes)), "B of text");
  for (const std::filesystem::path& file : report.files) {
    json.value(file.string());
    text += "\n" + file.string();
  }
  json.end_array().end_object();
  print_answer(request.json, json.text(), text);
  return 0;
}

void add_synth(CLI::App& group, Action& action) {
  auto request = std::make_shared<SynthRequest>();
  data::CorpusOptions& options = request->options;
  CLI::App* verb = group.add_subcommand("synth", "Write made-up English, in the form of C4");
  verb->add_option("--out", options.prefix, "files are OUT.00000-of-00001.json.gz and so on")
      ->required();
  verb->add_option("--documents", options.documents, "documents to write")->check(count_from(1));
  verb->add_option("--first", options.first, "number of the first document")->check(count_from(0));
  verb->add_option("--files", options.files, "files to spread them over")
      ->check(CLI::Range(std::int64_t{1}, kMostFiles));
  verb->add_option("--seed", options.seed, "another seed makes other documents")
      ->check(CLI::Range(std::uint64_t{0}, kMostSeed));
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(
      examples({"orchid data synth --out build/data/synth --documents 2000",
                "orchid data synth --out build/data/more --documents 500 --first 2000 --json"}));
  verb->callback([request, &action] {
    action = [request] { return until_stopped([&] { return run_synth(*request); }); };
  });
}

void add_tokenize(CLI::App& group, Action& action) {
  auto request = std::make_shared<TokenizeRequest>();
  data::TokenizeOptions& options = request->options;
  CLI::App* verb = group.add_subcommand("tokenize", "Turn text files into token shards");
  verb->add_option("inputs", options.inputs, "files, folders or patterns: .txt, .json, .jsonl, .gz")
      ->required();
  verb->add_option("--vocab", options.vocabulary, "vocab.txt")->required();
  verb->add_option("--out", options.out, "new directory")->required();
  verb->add_option("--unit", request->unit,
                   "what a document of a text file is: file | paragraph | line");
  verb->add_option("--mode", request->mode,
                   "samples: packed (all of a document) or document (its beginning)")
      ->check(CLI::IsMember({"packed", "document"}));
  verb->add_option("--max-characters", request->max_characters, "of a document; 0: all")
      ->check(count_from(0));
  verb->add_option("--max-pieces", options.max_pieces, "of a document; 0: all")
      ->check(count_from(0));
  verb->add_option("--valid-fraction", options.valid_fraction,
                   "share put aside for validation: writes OUT/train and OUT/valid")
      ->check(CLI::Range(0.0, 0.9));
  verb->add_option("--threads", options.threads, "0: all processors; the result is the same")
      ->check(CLI::Range(0, kMostThreads));
  verb->add_flag("--literal-specials", options.wordpiece.literal_specials,
                 "take \"[MASK]\" and the like in a text for the special pieces");
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(
      examples({"orchid data tokenize book.txt --vocab vocab.txt --out build/data/book "
                "--valid-fraction 0.05",
                "orchid data tokenize c4/*.json.gz --vocab vocab.txt --out c4/train"}));
  verb->callback([request, &action] {
    action = [request] { return until_stopped([&] { return run_tokenize(*request); }); };
  });
}

void add_inspect(CLI::App& group, Action& action) {
  auto request = std::make_shared<InspectRequest>();
  CLI::App* verb =
      group.add_subcommand("inspect", "Read and verify token shards or packed pictures");
  verb->add_option("directory", request->directory,
                   "directory of token shards or of packed pictures")
      ->required();
  verb->add_option("--length", request->length, "tokens of a sample")
      ->check(CLI::Range(3, 1 << 24));
  verb->add_option("--show", request->show, "print the first samples as text")
      ->check(count_from(0));
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples({"orchid data inspect build/data/quickstart/train --show 3",
                         "orchid data inspect build/data/quickstart/valid --length 64 --json"}));
  verb->callback([request, &action] { action = [request] { return run_inspect(*request); }; });
}

struct SubmissionRequest {
  std::vector<std::string> paths;
  bool json = false;
};

/// Files as they are, and of a directory those that end in .tsv.
std::vector<std::filesystem::path> submission_files(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    if (!data::is_folder(path)) {
      files.emplace_back(path);
      continue;
    }
    const auto first = std::ssize(files);
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".tsv") files.push_back(entry.path());
    ORCHID_CHECK_INPUT(std::ssize(files) > first, path, ": no .tsv file in it");
    std::sort(files.begin() + first, files.end());
  }
  return files;
}

int run_check_submission(const SubmissionRequest& request) {
  JsonWriter json(2);
  json.begin_object().key("files").begin_array();
  std::string text;
  bool valid = true;
  for (const std::filesystem::path& file : submission_files(request.paths)) {
    const std::vector<std::string> faults = check_submission(file);
    valid = valid && faults.empty();
    json.begin_object().member("file", file.string()).member("valid", faults.empty());
    json.key("faults").begin_array();
    if (faults.empty()) text += file.string() + ": ok\n";
    for (const std::string& fault : faults) {
      json.value(fault);
      text += fault + "\n";
    }
    json.end_array().end_object();
  }
  json.end_array().member("valid", valid).end_object();
  print_answer(request.json, json.text(), text);
  return valid ? 0 : kBadInput;
}

void add_check_submission(CLI::App& group, Action& action) {
  auto request = std::make_shared<SubmissionRequest>();
  CLI::App* verb = group.add_subcommand(
      "check-submission", "Say what the GLUE leaderboard would refuse; exits with 3 if anything");
  verb->add_option("paths", request->paths, "files such as CoLA.tsv, or folders of them")
      ->required();
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples({"orchid data check-submission runs/glue_quickstart/submission",
                         "orchid data check-submission CoLA.tsv STS-B.tsv --json"}));
  verb->callback(
      [request, &action] { action = [request] { return run_check_submission(*request); }; });
}

}  // namespace

int until_stopped(const Action& work) {
  const StopSignals signals;
  try {
    return work();
  } catch (const data::Interrupted& stopped) {
    if (isatty(STDERR_FILENO) != 0) rewrite_line("");
    std::fprintf(stderr, "interrupted: %s\n", stopped.what_remains().c_str());
    return kInterrupted;
  }
}

bool stop_asked() {
  return StopSignals::received() != 0;
}

data::Progress progress_line(const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return {};
  return [what](double fraction) {
    const auto percent = static_cast<int>(100 * fraction + 0.5);
    rewrite_line(fraction < 1 ? str(what, " ", percent, " %") : "");
  };
}

void add_data(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("data", "Prepare and look at data");
  group->require_subcommand(1);
  group->footer(
      examples({"orchid data synth --out build/data/demo --documents 20000",
                "orchid data vocab 'build/data/demo.*' --size 4096 --out build/data/vocab.txt"}));
  add_synth(*group, action);
  add_vocabulary(*group, action);
  add_tokenize(*group, action);
  add_inspect(*group, action);
  add_pack_images(*group, action);
  add_preview(*group, action);
  add_bench_loader(*group, action);
  add_check_submission(*group, action);
}

}  // namespace orchid::train
