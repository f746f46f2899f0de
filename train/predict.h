#pragma once

#include <string>
#include <vector>

#include "data/text/wordpiece.h"
#include "train/assemble.h"

namespace orchid::train {

/// A piece that may stand at a [MASK].
struct MaskGuess {
  std::string piece;
  std::int32_t id = 0;
  double probability = 0;
};

/// What the model puts at each [MASK] of a text, likeliest first.
struct FilledText {
  std::string text;
  std::vector<std::vector<MaskGuess>> masks;
  std::string filled;  ///< the text's pieces with the likeliest guesses in place
};

/// Fills masks with a trained model, padding to the length it was trained at.
class MaskFiller {
 public:
  /// `parts` of a checkpoint, with its vocabulary; must outlive this.
  explicit MaskFiller(Assembly& parts);

  /// Throws a usage Error for a text without [MASK] or with too many pieces.
  FilledText fill(const std::string& text, std::int64_t top);

 private:
  Assembly& parts_;
  data::Vocabulary vocabulary_;
  data::WordPiece wordpiece_;
};

}  // namespace orchid::train
