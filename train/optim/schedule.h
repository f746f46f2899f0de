#pragma once

#include "train/config/sections.h"

namespace orchid::train {

/// Factor on the peak learning rate after `samples` of `total` samples (spec bert_glue 3.4):
///   samples / warmup while below warmup = floor(warmup_fraction * total), then with
///   x = min(1, (samples - warmup) / (total - warmup)) and f = final_fraction
///   linear 1 + (f - 1) x,  cosine f + (1 - f) (1 + cos(pi x)) / 2,  constant 1.
/// A step uses the factor of the samples before it, so the first step after a warm-up is 0.
double schedule_factor(const ScheduleConfig&, std::int64_t samples, std::int64_t total);

}  // namespace orchid::train
