#include "train/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace orchid::train {

double schedule_factor(const ScheduleConfig& schedule, std::int64_t samples, std::int64_t total) {
  const double seen = static_cast<double>(samples);
  const double end = static_cast<double>(total);
  const double warmup = std::floor(schedule.warmup_fraction * end);
  if (seen < warmup) return seen / warmup;
  const double x = warmup < end ? std::min(1.0, (seen - warmup) / (end - warmup)) : 1.0;
  const double last = schedule.final_fraction;
  switch (schedule.type) {
    case ScheduleKind::linear:
      return 1 + (last - 1) * x;
    case ScheduleKind::cosine:
      return last + (1 - last) * (1 + std::cos(std::numbers::pi * x)) / 2;
    case ScheduleKind::constant:
    case ScheduleKind::cosine_to_rate:
      return 1;
  }
  return 1;
}

ScheduledRate rate_to_rate(const ScheduleConfig& schedule, double epochs) {
  const auto end = static_cast<double>(schedule.epochs - schedule.cooldown_epochs);
  if (epochs < schedule.warmup_epochs) {
    const double share = epochs / schedule.warmup_epochs;
    return {share, (1 - share) * schedule.warmup_rate};
  }
  const double share = epochs < end ? (1 + std::cos(std::numbers::pi * epochs / end)) / 2 : 0;
  return {share, (1 - share) * schedule.final_rate};
}

ScheduledRate scheduled_rate(const ScheduleConfig& schedule, std::int64_t step,
                             std::int64_t samples) {
  if (schedule.type == ScheduleKind::cosine_to_rate) {
    const std::int64_t of_epoch = schedule.steps / schedule.epochs;
    if (schedule.update == ScheduleUnit::epoch)
      return rate_to_rate(schedule, static_cast<double>(step / of_epoch));
    return rate_to_rate(schedule, static_cast<double>(step) / static_cast<double>(of_epoch));
  }
  const std::int64_t unit = schedule.epochs > 0 ? 1 : samples;
  return {schedule_factor(schedule, step * unit, schedule.steps * unit), 0};
}

}  // namespace orchid::train
