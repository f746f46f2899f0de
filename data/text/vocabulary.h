#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/string_map.h"

namespace orchid::data {

/// The pieces of a WordPiece tokenizer; a piece's id is its line in vocab.txt, from 0.
/// Pieces that continue a word begin with "##".
class Vocabulary {
 public:
  /// Reads one piece a line. Throws input_data errors naming the file and line for a missing
  /// special, a duplicate, an empty line or invalid UTF-8.
  static Vocabulary load(const std::filesystem::path& file);
  /// The same checks; `origin` names the source in messages.
  explicit Vocabulary(std::vector<std::string> pieces, const std::string& origin = "vocabulary");

  std::int64_t size() const { return static_cast<std::int64_t>(pieces_.size()); }
  /// Size rounded up for the embedding table: 30522 becomes 30528.
  std::int64_t padded_size(std::int64_t multiple = 8) const;

  const std::string& piece(std::int32_t id) const;
  std::optional<std::int32_t> find(std::string_view piece) const;

  std::int32_t pad() const { return pad_; }
  std::int32_t unknown() const { return unknown_; }
  std::int32_t cls() const { return cls_; }
  std::int32_t separator() const { return separator_; }
  std::int32_t mask() const { return mask_; }
  /// One of the five: never masked, never a target.
  bool is_special(std::int32_t id) const {
    return id == pad_ || id == unknown_ || id == cls_ || id == separator_ || id == mask_;
  }

  /// Pieces as readable text: "una ##ffa ##ble" -> "unaffable".
  std::string decode(const std::vector<std::int32_t>& ids) const;

  /// The content of vocab.txt.
  std::string text() const;
  /// Writes vocab.txt atomically.
  void save(const std::filesystem::path& file) const;

 private:
  std::vector<std::string> pieces_;
  StringMap<std::int32_t> ids_;
  std::int32_t pad_ = 0, unknown_ = 0, cls_ = 0, separator_ = 0, mask_ = 0;
};

}  // namespace orchid::data
