#pragma once

#include "train/config/sections.h"

namespace orchid::train {

/// Factor on the peak learning rate after `samples` of `total` samples (spec bert_glue 3.4):
///   samples / warmup while below warmup = floor(warmup_fraction * total), then with
///   x = min(1, (samples - warmup) / (total - warmup)) and f = final_fraction
///   linear 1 + (f - 1) x,  cosine f + (1 - f) (1 + cos(pi x)) / 2,  constant 1.
/// A step uses the factor of the samples before it, so the first step after a warm-up is 0.
/// Not for cosine_to_rate.
double schedule_factor(const ScheduleConfig&, std::int64_t samples, std::int64_t total);

/// A learning rate by the peak p that a parameter has: p * factor + offset.
struct ScheduledRate {
  double factor = 1;
  double offset = 0;
  double of(double peak) const { return peak > 0 ? peak * factor + offset : 0; }
};

/// cosine_to_rate after t of E epochs, cool-down left out, with W = warmup_epochs (spec experiments
/// 3.2): below W  warmup_rate + t (p - warmup_rate) / W, then
///   final_rate + (p - final_rate) (1 + cos(pi t / E)) / 2: it counts from the first epoch,
/// and final_rate from E on.
ScheduledRate rate_to_rate(const ScheduleConfig&, double epochs);

/// The rate of a step, counted from 0, of a run whose schedule.steps are known; `samples`: of a
/// step, by which runs that are not given in epochs count.
ScheduledRate scheduled_rate(const ScheduleConfig&, std::int64_t step, std::int64_t samples);

}  // namespace orchid::train
