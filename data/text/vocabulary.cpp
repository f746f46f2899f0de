#include "data/text/vocabulary.h"

#include <algorithm>

#include "data/io/atomic_file.h"
#include "data/io/mapped_file.h"
#include "data/text/unicode.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

Vocabulary Vocabulary::load(const std::filesystem::path& file) {
  const MappedFile mapped = MappedFile::open(file);
  return Vocabulary(lines_of(mapped.text()), file.string());
}

Vocabulary::Vocabulary(std::vector<std::string> pieces, const std::string& origin)
    : pieces_(std::move(pieces)) {
  constexpr std::size_t kMostPieces = std::size_t{1} << 24;
  ORCHID_CHECK_INPUT(pieces_.size() <= kMostPieces, origin, ": expected at most ", kMostPieces,
                     " pieces, got ", pieces_.size());
  for (std::size_t id = 0; id < pieces_.size(); ++id) {
    const std::string& piece = pieces_[id];
    ORCHID_CHECK_INPUT(!piece.empty(), origin, ": line ", id + 1, ": empty piece");
    ORCHID_CHECK_INPUT(!find_invalid_utf8(piece), origin, ": line ", id + 1, ": invalid UTF-8");
    const auto [at, added] = ids_.emplace(piece, static_cast<std::int32_t>(id));
    ORCHID_CHECK_INPUT(added, origin, ": line ", id + 1, ": \"", piece, "\" stands on line ",
                       at->second + 1, " already");
  }
  const auto special = [&](std::string_view name) {
    const std::optional<std::int32_t> id = find(name);
    ORCHID_CHECK_INPUT(id, origin, ": no ", name, " among ", pieces_.size(),
                       " pieces; expected [PAD], [UNK], [CLS], [SEP] and [MASK]");
    return *id;
  };
  pad_ = special("[PAD]");
  unknown_ = special("[UNK]");
  cls_ = special("[CLS]");
  separator_ = special("[SEP]");
  mask_ = special("[MASK]");
}

std::int64_t Vocabulary::padded_size(std::int64_t multiple) const {
  return (size() + multiple - 1) / multiple * multiple;
}

const std::string& Vocabulary::piece(std::int32_t id) const {
  ORCHID_CHECK(id >= 0 && id < size(), "vocabulary: id ", id, " of ", size(), " pieces");
  return pieces_[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Vocabulary::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::string Vocabulary::decode(const std::vector<std::int32_t>& ids) const {
  std::string text;
  for (const std::int32_t id : ids) {
    const std::string& next = piece(id);
    if (next.size() > 2 && next.starts_with("##")) {
      text.append(next, 2);
    } else {
      if (!text.empty()) text += ' ';
      text += next;
    }
  }
  return text;
}

std::string Vocabulary::text() const {
  std::string text;
  for (const std::string& piece : pieces_) text.append(piece).push_back('\n');
  return text;
}

void Vocabulary::save(const std::filesystem::path& file) const {
  write_file(file, text());
}

}  // namespace orchid::data
