#pragma once

#include "train/cli.h"

namespace orchid::train {

/// `predict classify-image`.
void add_classify_image(CLI::App* predict, Action& action);

}  // namespace orchid::train
