#pragma once

#include <span>
#include <vector>

#include "data/text/labelled_text.h"
#include "train/assemble.h"

namespace orchid::train {

/// A vector of D numbers for each text: the mean over its positions, [CLS] and [SEP] included, of
/// what the model's head reads. A text that is longer than the model takes is cut. `parts`: of a
/// checkpoint, with its vocabulary. A usage Error for a model of pictures.
std::vector<std::vector<double>> embed(Assembly& parts, std::span<const data::TextExample> texts);

}  // namespace orchid::train
