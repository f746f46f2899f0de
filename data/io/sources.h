#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace orchid::data {

/// Told how much of the work is done, 0 to 1, now and then.
using Progress = std::function<void(double fraction)>;

/// What is one document of a plain text file.
enum class DocumentUnit { file, paragraph, line };
/// "file" | "paragraph" | "line"; a usage Error otherwise.
DocumentUnit parse_document_unit(const std::string& text);

enum class SourceFormat { text, json_lines };
/// By name: .json, .jsonl (also with .gz) hold JSON lines; .txt, .txt.gz and anything else text.
SourceFormat format_of(const std::filesystem::path& file);

/// Files named by `inputs`: files as they are, directories as all .txt, .json, .jsonl (and .gz)
/// in them, deep; patterns with * and ? as what they match. Sorted within an input, none twice.
/// An input without any file is an input_data Error.
std::vector<std::filesystem::path> list_sources(const std::vector<std::string>& inputs);

/// A part of a file that holds a document, undecoded: reading is serial, decoding need not be.
struct Record {
  std::string bytes;
  SourceFormat format = SourceFormat::text;
  std::shared_ptr<const std::filesystem::path> file;
  std::int64_t line = 0;    ///< of the file, from 1
  std::int64_t offset = 0;  ///< in the uncompressed file, in bytes
  bool continues = false;   ///< the next part of the document before
};

/// Reads documents one after another; one thread at a time.
class RecordReader {
 public:
  /// `block_bytes` above 0: a text document is handed out in parts of about that size, cut at
  /// line ends.
  RecordReader(std::vector<std::filesystem::path> files, DocumentUnit unit,
               std::int64_t block_bytes = 0);
  ~RecordReader();

  bool next(Record& record);
  /// Replaces `records` by about `bytes` of them; false if the input ended with these.
  bool next_portion(std::vector<Record>& records, std::size_t bytes);
  /// Share of the input bytes read so far.
  double fraction() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The text of a record: the `text` of a JSON line, or checked plain text. Thread safe.
/// input_data Errors name file and line (JSON) or byte offset (binary files).
std::string decode(Record&& record);

/// The first `count` characters (code points); 0: all.
std::string_view first_characters(std::string_view text, std::int64_t count);

}  // namespace orchid::data
