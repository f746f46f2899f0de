#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/assemble.h"

namespace orchid::train {

/// A class that a picture may show.
struct ClassGuess {
  std::string label;  ///< its name, or its number where classes have no names
  std::int32_t number = 0;
  double probability = 0;
};

/// What a model answers for one picture.
struct ImageAnswer {
  std::string file;
  std::vector<ClassGuess> guesses;  ///< likeliest first; none where the file cannot be read
  std::string error;                ///< why not
  std::string note;                 ///< what was odd about a file that can be read
};

/// Answers with a model trained to classify pictures.
class ImageClassifier {
 public:
  /// `parts` of a checkpoint; must outlive this. A usage Error for a model of another task.
  explicit ImageClassifier(Assembly& parts);

  /// In the order of `files`, with `top` guesses each.
  std::vector<ImageAnswer> answer(const std::vector<std::string>& files, std::int64_t top);

 private:
  void answer(const std::string* files, std::int64_t count, std::int64_t top,
              std::vector<ImageAnswer>& answers);

  Assembly& parts_;
  data::ImageDataOptions options_;
  std::vector<std::string> labels_;  ///< by class
};

/// The files meant by `paths`: themselves, and for folders all JPEG and PNG files in and below
/// them, by name. An input_data Error for a path that does not exist or a folder without any.
std::vector<std::string> image_files(const std::vector<std::string>& paths);

}  // namespace orchid::train
