#include "train/optim/schedule.h"

#include "tests/support/catch.h"
#include "train/optim/pattern.h"

using namespace orchid::train;

namespace {

double after_steps(const ScheduleConfig& schedule, std::int64_t step, std::int64_t batch) {
  return schedule_factor(schedule, step * batch, schedule.steps * batch);
}

}  // namespace

TEST_CASE("the linear schedule has the recipe's values", "[train][schedule]") {
  const ScheduleConfig schedule{};  // 70,000 steps, 6 % warm-up, to 0.02
  CHECK(after_steps(schedule, 0, 4096) == 0);
  CHECK(after_steps(schedule, 2100, 4096) == 0.5);
  CHECK(after_steps(schedule, 4200, 4096) == 1);
  CHECK(after_steps(schedule, 35000, 4096) == Approx(0.541277).epsilon(1e-6));
  CHECK(after_steps(schedule, 70000, 4096) == Approx(0.02).epsilon(1e-12));
  CHECK(after_steps(schedule, 80000, 4096) == Approx(0.02).epsilon(1e-12));
}

TEST_CASE("the warm-up is counted in whole samples", "[train][schedule]") {
  // floor(0.065 * 100 * 3) = 19 samples, not 6.5 steps.
  const ScheduleConfig schedule{.steps = 100, .warmup_fraction = 0.065};
  CHECK(after_steps(schedule, 6, 3) == Approx(18.0 / 19));
  CHECK(after_steps(schedule, 7, 3) == Approx(1 - 0.98 * 2 / 281));
}

TEST_CASE("the cosine schedule falls from 1 to the final fraction", "[train][schedule]") {
  const ScheduleConfig schedule{ScheduleKind::cosine, 100, 0.2, 0.1};
  CHECK(after_steps(schedule, 10, 1) == 0.5);
  CHECK(after_steps(schedule, 20, 1) == 1);
  CHECK(after_steps(schedule, 40, 1) == Approx(0.1 + 0.9 * (1 + 0.70710678118654752) / 2));
  CHECK(after_steps(schedule, 60, 1) == Approx(0.55));
  CHECK(after_steps(schedule, 100, 1) == Approx(0.1));
  CHECK(after_steps(schedule, 101, 1) == Approx(0.1));
}

TEST_CASE("the constant schedule stays at 1 after its warm-up", "[train][schedule]") {
  const ScheduleConfig schedule{ScheduleKind::constant, 100, 0.1, 0.5};
  CHECK(after_steps(schedule, 5, 1) == 0.5);
  CHECK(after_steps(schedule, 10, 1) == 1);
  CHECK(after_steps(schedule, 100, 1) == 1);
}

TEST_CASE("a schedule without warm-up starts at its peak", "[train][schedule]") {
  CHECK(after_steps({ScheduleKind::linear, 10, 0, 0}, 0, 1) == 1);
  CHECK(after_steps({ScheduleKind::linear, 10, 0, 0}, 10, 1) == 0);
  CHECK(after_steps({ScheduleKind::linear, 10, 1, 0.5}, 10, 1) == 0.5);  // all warm-up
  CHECK(after_steps({ScheduleKind::linear, 10, 1, 0.5}, 9, 1) == 0.9);
}

TEST_CASE("patterns match whole paths", "[train][schedule]") {
  CHECK(matches("*", ""));
  CHECK(matches("*", "a.b"));
  CHECK(matches("encoder.*.bias", "encoder.layers.0.mlp.bias"));
  CHECK(matches("*.filter.*", "encoder.layers.0.mixer.filter.weight"));
  CHECK(matches("layer?", "layer3"));
  CHECK(matches("a*b*c", "axxbyybzc"));
  CHECK(!matches("bias", "encoder.bias"));
  CHECK(!matches("encoder", "encoder.bias"));
  CHECK(!matches("layer?", "layer"));
  CHECK(!matches("a*b*c", "axxbyybz"));
  CHECK(!matches("", "a"));
}
