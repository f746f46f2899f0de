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
      return 1;
  }
  return 1;
}

}  // namespace orchid::train
