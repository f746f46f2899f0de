#include "data/io/sources.h"

#include <algorithm>
#include <set>

#include <glob.h>

#include "data/io/gzip_reader.h"
#include "data/io/json_text.h"
#include "data/io/paths.h"
#include "data/text/unicode.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

/// Extension without a .gz behind it, in lower case.
std::string kind_of(const fs::path& file) {
  std::string extension = (file.extension() == ".gz" ? file.stem() : file).extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return extension;
}

/// Files of a folder, deep, by the ends of their names.
std::vector<fs::path> texts_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::path last = folder;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    last = it->path();
    const std::string kind = kind_of(last);
    const bool wanted = kind == ".txt" || kind == ".json" || kind == ".jsonl";
    if (wanted && is_file(last)) files.push_back(last);
  }
  ORCHID_CHECK_INPUT(!error, last.string(), ": cannot be read: ", error.message());
  ORCHID_CHECK_INPUT(!files.empty(), folder.string(),
                     ": no .txt, .json or .jsonl file (or .gz) in it");
  return files;
}

std::vector<fs::path> expand(const std::string& input) {
  std::vector<fs::path> files;
  std::error_code error;
  if (is_folder(input)) {
    files = texts_of(input);
  } else if (fs::exists(input, error)) {
    files.emplace_back(input);
  } else {
    glob_t found{};
    const int result = ::glob(input.c_str(), GLOB_NOSORT, nullptr, &found);
    for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i) {
      if (is_file(found.gl_pathv[i])) files.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    ORCHID_CHECK_INPUT(!files.empty(), input, ": ", error ? error.message() : "no such file");
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Throws unless the bytes look like UTF-8 text. Stray invalid bytes are left to the tokenizer,
/// which drops them.
void check_text(std::string_view bytes, const Record& record) {
  const std::size_t zero = bytes.find('\0');
  ORCHID_CHECK_INPUT(zero == bytes.npos, record.file->string(),
                     ": not a text file: NUL byte at offset ",
                     record.offset + static_cast<std::int64_t>(zero));
  std::optional<std::size_t> first = find_invalid_utf8(bytes);
  if (!first) return;
  constexpr std::size_t kTolerated = 16, kShare = 100;
  std::size_t invalid = 0;
  for (std::size_t at = *first; at < bytes.size();) invalid += !next_code_point(bytes, at);
  ORCHID_CHECK_INPUT(invalid <= kTolerated || invalid <= bytes.size() / kShare,
                     record.file->string(), ": not UTF-8 text: ", invalid, " of ", bytes.size(),
                     " bytes are invalid, the first at offset ",
                     record.offset + static_cast<std::int64_t>(*first),
                     "; convert the file to UTF-8 (iconv)");
}

}  // namespace

DocumentUnit parse_document_unit(const std::string& text) {
  if (text == "file") return DocumentUnit::file;
  if (text == "paragraph") return DocumentUnit::paragraph;
  ORCHID_CHECK_USAGE(text == "line", "documents: expected file, paragraph or line, got \"", text,
                     "\"");
  return DocumentUnit::line;
}

SourceFormat format_of(const fs::path& file) {
  const std::string kind = kind_of(file);
  return kind == ".json" || kind == ".jsonl" ? SourceFormat::json_lines : SourceFormat::text;
}

std::vector<fs::path> list_sources(const std::vector<std::string>& inputs) {
  ORCHID_CHECK_USAGE(!inputs.empty(), "no input files given");
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const std::string& input : inputs) {
    for (fs::path& file : expand(input)) {
      std::error_code error;
      const fs::path canonical = fs::weakly_canonical(file, error);
      if (seen.insert(error ? file : canonical).second) files.push_back(std::move(file));
    }
  }
  return files;
}

struct RecordReader::State {
  std::vector<fs::path> files;
  DocumentUnit unit;
  std::size_t block_bytes;
  double total_bytes = 0, done_bytes = 0;
  std::size_t next_file = 0;
  std::optional<LineReader> lines;
  std::shared_ptr<const fs::path> file;
  bool inside_document = false;  ///< the next block continues the one before
  std::string line;

  bool open_next() {
    inside_document = false;
    std::error_code gone;
    if (const auto bytes = lines ? fs::file_size(*file, gone) : 0; !gone)
      done_bytes += static_cast<double>(bytes);
    lines.reset();
    if (next_file == files.size()) return false;
    file = std::make_shared<const fs::path>(files[next_file++]);
    lines.emplace(*file);
    return true;
  }

  /// Appends the line last read; the first one tells where the record starts.
  void take_line(Record& record) {
    if (record.bytes.empty()) {
      record.line = lines->line();
      record.offset = lines->offset();
    }
    record.bytes += line;
  }

  /// Reads one record of the file that is open; false if there is none left.
  bool read(Record& record) {
    const bool json = record.format == SourceFormat::json_lines;
    while (lines->next(line)) {
      const bool blank = is_blank(line);
      if (json || unit == DocumentUnit::line) {
        if (blank) continue;
        take_line(record);
        return true;
      }
      if (unit == DocumentUnit::paragraph && blank) {
        if (record.bytes.empty()) continue;
        return true;
      }
      take_line(record);
      if (unit == DocumentUnit::file && block_bytes > 0 && record.bytes.size() >= block_bytes) {
        inside_document = true;
        return true;
      }
    }
    return !record.bytes.empty();
  }
};

RecordReader::RecordReader(std::vector<fs::path> files, DocumentUnit unit, std::int64_t block_bytes)
    : state_(std::make_unique<State>()) {
  state_->files = std::move(files);
  state_->unit = unit;
  state_->block_bytes = static_cast<std::size_t>(block_bytes);
  for (const fs::path& file : state_->files) {
    std::error_code error;
    const auto bytes = fs::file_size(file, error);
    ORCHID_CHECK_INPUT(!error, file.string(), ": ", error.message());
    state_->total_bytes += static_cast<double>(bytes);
  }
}
RecordReader::~RecordReader() = default;

bool RecordReader::next(Record& record) {
  while (state_->lines || state_->open_next()) {
    record.bytes.clear();
    record.file = state_->file;
    record.format = format_of(*state_->file);
    record.continues = state_->inside_document;
    if (state_->read(record)) return true;
    if (!state_->open_next()) break;
  }
  return false;
}

bool RecordReader::next_portion(std::vector<Record>& records, std::size_t bytes) {
  records.clear();
  for (std::size_t taken = 0; taken < bytes; taken += records.back().bytes.size()) {
    if (!next(records.emplace_back())) {
      records.pop_back();
      return false;
    }
  }
  return true;
}

double RecordReader::fraction() const {
  if (state_->total_bytes <= 0) return 1;
  const double here = state_->lines ? static_cast<double>(state_->lines->position()) : 0;
  return std::min(1.0, (state_->done_bytes + here) / state_->total_bytes);
}

std::string decode(Record&& record) {
  if (record.format == SourceFormat::json_lines) {
    return with_context(str(record.file->string(), ": line ", record.line),
                        [&] { return json_text(record.bytes); });
  }
  check_text(record.bytes, record);
  return std::move(record.bytes);
}

std::string_view first_characters(std::string_view text, std::int64_t count) {
  if (count <= 0 || static_cast<std::int64_t>(text.size()) <= count) return text;
  std::size_t at = 0;
  for (std::int64_t taken = 0; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xC0u) != 0x80u;
    if (starts && taken++ == count) break;
  }
  return text.substr(0, at);
}

}  // namespace orchid::data
