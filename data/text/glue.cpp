#include "data/text/glue.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/io/gzip_reader.h"
#include "data/io/sources.h"
#include "data/text/unicode.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

/// Oddities of a file by kind, in the order in which they first occur.
class Oddities {
 public:
  void count(const std::string& kind, std::int64_t line, std::int64_t times = 1) {
    for (Entry& entry : entries_) {
      if (entry.kind != kind) continue;
      entry.count += times;
      return;
    }
    entries_.push_back({kind, times, line});
  }
  void add_to(std::vector<std::string>& notes, const fs::path& file) const {
    for (const Entry& entry : entries_) {
      notes.push_back(str(file.string(), ": ", entry.kind, ": ", entry.count,
                          ", the first at line ", entry.line));
    }
  }

 private:
  struct Entry {
    std::string kind;
    std::int64_t count = 0, line = 0;
  };
  std::vector<Entry> entries_;
};

/// Cells between tabs. A quote is a character like any other.
std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t from = 0;;) {
    const std::size_t tab = line.find('\t', from);
    cells.push_back(line.substr(from, tab - from));
    if (tab == line.npos) return cells;
    from = tab + 1;
  }
}

/// Names or cells for a message: commas for tabs, and no more than a line.
std::string shown(std::string_view cells) {
  constexpr std::int64_t kMost = 120;
  const std::string_view kept = first_characters(cells, kMost);
  std::string text;
  for (const char c : kept) text += c == '\t' ? std::string(", ") : std::string(1, c);
  return "\"" + text + (kept.size() < cells.size() ? "...\"" : "\"");
}

/// The rows of a file. Lines end at LF alone, with or without CR before it; a byte order mark is
/// left out. NUL bytes and much invalid UTF-8 are errors; the tokenizer drops a little of it.
class RowReader {
 public:
  RowReader(fs::path file, Oddities& oddities)
      : file_(std::move(file)), lines_(file_), oddities_(oddities) {}

  /// The next line that is not blank; false at the end.
  bool next() {
    while (lines_.next(text_)) {
      if (text_.ends_with('\n')) text_.pop_back();
      if (text_.ends_with('\r')) text_.pop_back();
      check_encoding();
      if (!text_.empty()) {
        cells_ = split(text_);
        return true;
      }
      oddities_.count("blank lines skipped", line());
    }
    constexpr std::int64_t kTolerated = 16, kShare = 100;
    ORCHID_CHECK_INPUT(invalid_ <= kTolerated || invalid_ <= bytes_ / kShare, file_.string(),
                       ": not UTF-8 text: ", invalid_, " of ", bytes_,
                       " bytes are invalid, the first at line ", first_invalid_,
                       "; convert the file to UTF-8 (iconv)");
    return false;
  }

  const std::string& text() const { return text_; }
  const std::vector<std::string_view>& cells() const { return cells_; }
  std::string_view cell(int column) const { return cells_[static_cast<std::size_t>(column)]; }
  std::int64_t line() const { return lines_.line(); }
  const fs::path& file() const { return file_; }
  /// For messages.
  std::string where() const { return str(file_.string(), ": line ", line(), ": "); }

 private:
  void check_encoding() {
    ORCHID_CHECK_INPUT(text_.find('\0') == text_.npos, where(), "not a text file: NUL byte");
    bytes_ += std::ssize(text_) + 1;
    const std::optional<std::size_t> first = find_invalid_utf8(text_);
    if (!first) return;
    std::int64_t here = 0;
    for (std::size_t at = *first; at < text_.size();) here += !next_code_point(text_, at);
    if (invalid_ == 0) first_invalid_ = line();
    invalid_ += here;
    oddities_.count("bytes that are no UTF-8, dropped later", line(), here);
  }

  fs::path file_;
  LineReader lines_;
  Oddities& oddities_;
  std::string text_;
  std::vector<std::string_view> cells_;
  std::int64_t bytes_ = 0, invalid_ = 0, first_invalid_ = 0;
};

/// Reads one part from one file.
class PartReader {
 public:
  using Keep = std::function<bool(const RowReader&)>;

  PartReader(const GlueTask& task, const GluePart& part, const fs::path& file)
      : task_(task), part_(part), columns_(split(part.columns)), rows_(file, oddities_) {}

  /// The rows that `keep` (if any) accepts.
  GlueRows read(const Keep& keep = {}) {
    if (part_.header) check_header();
    GlueRows result;
    for (std::int64_t number = 0; rows_.next();) {
      if (keep && !keep(rows_)) continue;
      if (std::optional<TextExample> example = example_of(number++))
        result.examples.push_back(*std::move(example));
    }
    const std::string file = rows_.file().string();
    ORCHID_CHECK_INPUT(!result.examples.empty(), file, ": no rows");
    oddities_.add_to(result.notes, file);
    const auto count = std::ssize(result.examples);
    if (count != part_.rows)
      result.notes.push_back(str(file, ": ", count, " rows, official ", part_.rows));
    return result;
  }

 private:
  /// As many columns as expected, and those that are read have their names.
  void check_header() {
    ORCHID_CHECK_INPUT(rows_.next(), rows_.file().string(),
                       ": expected a header, got an empty file");
    bool equal = columns_.size() == rows_.cells().size();
    for (const int column : {part_.text[0], part_.text[1], part_.label, part_.id})
      equal = equal && (column < 0 || name_of(column) == rows_.cell(column));
    ORCHID_CHECK_INPUT(equal, rows_.where(), "expected a header with ", columns_.size(),
                       " columns, ", shown(part_.columns), ", got ", rows_.cells().size(), ", ",
                       shown(rows_.text()));
  }

  /// Nothing for a row that is to be skipped, which is counted.
  std::optional<TextExample> example_of(std::int64_t number) {
    if (rows_.cells().size() != columns_.size()) {
      // Test rows are answered by their place.
      ORCHID_CHECK_INPUT(task_.broken_rows && part_.label >= 0, rows_.where(), "expected ",
                         columns_.size(), " columns, ", shown(part_.columns), ", got ",
                         rows_.cells().size());
      return skip(str("not ", columns_.size(), " columns"));
    }
    TextExample example;
    example.id = part_.id < 0 ? std::to_string(number) : std::string(rows_.cell(part_.id));
    ORCHID_CHECK_INPUT(!example.id.empty(), rows_.where(), name_of(std::max(part_.id, 0)),
                       ": expected the id of the row, got nothing");
    if (part_.label >= 0) {
      const std::string_view cell = rows_.cell(part_.label);
      if (task_.broken_rows && cell.empty()) return skip("no label");
      if (!task_.no_label.empty() && cell == task_.no_label)
        return skip("label \"" + task_.no_label + "\"");
      if (task_.regression()) {
        example.score = score_of(cell);
      } else {
        example.label = class_of(cell);
      }
    }
    example.first = text_of(part_.text[0]);
    if (task_.pair) example.second = text_of(part_.text[1]);
    return example;
  }

  std::nullopt_t skip(const std::string& why) {
    oddities_.count("rows skipped, " + why, rows_.line());
    return std::nullopt;
  }

  std::int32_t class_of(std::string_view cell) const {
    std::string known;
    for (std::size_t i = 0; i < task_.labels.size(); ++i) {
      const std::string written = task_.digits ? std::to_string(i) : task_.labels[i];
      if (cell == written) return static_cast<std::int32_t>(i);
      known += (i == 0 ? "" : i + 1 == task_.labels.size() ? " or " : ", ") + written;
    }
    throw Error(
        str(rows_.where(), name_of(part_.label), ": expected ", known, ", got ", shown(cell)),
        ErrorKind::input_data);
  }

  float score_of(std::string_view cell) const {
    double score = -1;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), score);
    const bool number = error == std::errc() && end == cell.data() + cell.size();
    ORCHID_CHECK_INPUT(number && score >= 0 && score <= 5, rows_.where(), name_of(part_.label),
                       ": expected a number from 0 to 5, got ", shown(cell));
    return static_cast<float>(score);
  }

  std::string text_of(int column) {
    const std::string_view cell = rows_.cell(column);
    if (cell.find_first_not_of(" \r") == cell.npos) {
      ORCHID_CHECK_INPUT(task_.empty_texts, rows_.where(), name_of(column),
                         ": expected a text, got ", shown(cell));
      oddities_.count(str("empty texts kept, ", name_of(column)), rows_.line());
    }
    return std::string(cell);
  }

  std::string_view name_of(int column) const { return columns_[static_cast<std::size_t>(column)]; }

  const GlueTask& task_;
  const GluePart& part_;
  std::vector<std::string_view> columns_;  ///< names; views of part_.columns
  Oddities oddities_;
  RowReader rows_;
};

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

using IdPair = std::pair<std::string, std::string>;

/// dev_ids.tsv: the two ids of each pair that belongs to the dev part.
std::set<IdPair> read_dev_ids(const fs::path& file, Oddities& oddities) {
  std::set<IdPair> ids;
  for (RowReader rows(file, oddities); rows.next();) {
    ORCHID_CHECK_INPUT(rows.cells().size() == 2, rows.where(), "expected 2 columns, the ids of a ",
                       "pair, got ", rows.cells().size());
    ids.emplace(rows.cell(0), rows.cell(1));
  }
  ORCHID_CHECK_INPUT(!ids.empty(), file.string(), ": no rows");
  return ids;
}

/// MRPC from the corpus of Microsoft Research. Its train file holds GLUE's train and dev rows; the
/// rows of each part come out in the order of that file, which is the order of train.tsv and
/// dev.tsv too (not that of dev_ids.tsv).
GlueRows read_mrpc_corpus(const GlueTask& task, const fs::path& directory, GluePart part) {
  const bool test = part.name == "test";
  const fs::path file = directory / (test ? "msr_paraphrase_test.txt" : "msr_paraphrase_train.txt");
  const fs::path dev_ids = directory / "dev_ids.tsv";
  const std::string replaced = str((directory / part.file).string(), ": no such file");
  ORCHID_CHECK_INPUT(is_there(file) && (test || is_there(dev_ids)), replaced,
                     "; expected it as GLUE has it, or ", file.filename().string(),
                     test ? "" : " and dev_ids.tsv", " in the same directory");
  if (test) {  // its labels are not used, and the row's number is the index of test.tsv
    part.columns = glue_part(task, "train").columns;
    part.id = -1;
    GlueRows result = PartReader(task, part, file).read();
    result.notes.insert(result.notes.begin(), replaced + "; read from " + file.string());
    return result;
  }
  Oddities oddities;
  const std::set<IdPair> ids = read_dev_ids(dev_ids, oddities);
  std::set<IdPair> found;
  GlueRows result = PartReader(task, part, file).read([&](const RowReader& rows) {
    // A row of another size goes to both parts, which refuse it.
    if (rows.cells().size() < 3) return true;
    const auto id = ids.find({std::string(rows.cell(1)), std::string(rows.cell(2))});
    if (id != ids.end()) found.insert(*id);
    return (id != ids.end()) == (part.name == "dev");
  });
  result.notes.insert(result.notes.begin(), replaced + "; read from " + file.string() + " and " +
                                                dev_ids.filename().string());
  oddities.add_to(result.notes, dev_ids);
  if (found.size() != ids.size()) {
    result.notes.push_back(str(dev_ids.string(), ": pairs that are not in ",
                               file.filename().string(), ": ", ids.size() - found.size(), " of ",
                               ids.size()));
  }
  return result;
}

}  // namespace

GlueRows read_glue(const GlueTask& task, const fs::path& root, const std::string& name) {
  const GluePart& part = glue_part(task, name);
  const fs::path directory = root / task.directory, file = directory / part.file;
  if (task.name == "mrpc" && !is_there(file)) return read_mrpc_corpus(task, directory, part);
  ORCHID_CHECK_INPUT(is_there(file), file.string(), ": no such file; the ", part.name, " part of ",
                     task.name, " is expected in the directory ", task.directory, " as ", part.file,
                     ", as GLUE has it");
  return PartReader(task, part, file).read();
}

}  // namespace orchid::data
