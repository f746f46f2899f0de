#include "train/optim/schedule.h"

#include <cmath>

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

TEST_CASE("the schedule of vision recipes has the published rates", "[train][schedule]") {
  // Spec experiments, section 10: learning rate 1e-3, 300 epochs, one rate an epoch.
  const ScheduleConfig schedule{
      .type = ScheduleKind::cosine_to_rate, .steps = 300 * 1251, .epochs = 300};
  const auto rate = [&](std::int64_t epoch, double peak) {
    return scheduled_rate(schedule, epoch * 1251, 1024).of(peak);
  };
  CHECK(rate(0, 1e-3) == Approx(1e-6));
  CHECK(rate(5, 1e-3) == Approx(5.005e-4));
  CHECK(rate(10, 1e-3) == Approx(9.973e-4).epsilon(1e-4));
  CHECK(rate(150, 1e-3) == Approx(5.05e-4));
  CHECK(rate(300, 1e-3) == Approx(1e-5));
  CHECK(rate(400, 1e-3) == Approx(1e-5));
  for (const std::int64_t epoch : {10, 77, 150, 299, 300})
    CHECK(rate(epoch, 1e-5) == Approx(1e-5).epsilon(1e-12));
  CHECK(rate(5, 1e-5) == Approx(5.5e-6));
  CHECK(rate(150, 0) == 0);  // what is fixed stays fixed
}

TEST_CASE("the rate changes by epochs or by steps", "[train][schedule]") {
  ScheduleConfig schedule{
      .type = ScheduleKind::cosine_to_rate, .steps = 40, .epochs = 4, .warmup_epochs = 2};
  CHECK(scheduled_rate(schedule, 9, 8).of(1) == scheduled_rate(schedule, 0, 8).of(1));
  CHECK(scheduled_rate(schedule, 19, 8).of(1) == scheduled_rate(schedule, 10, 8).of(1));
  schedule.update = ScheduleUnit::step;
  CHECK(scheduled_rate(schedule, 15, 8).of(1) == Approx(1e-6 + 0.75 * (1 - 1e-6)));
  CHECK(scheduled_rate(schedule, 35, 8).of(1) ==
        Approx(1e-5 + (1 - 1e-5) * (1 + std::cos(3.5 * 3.14159265358979324 / 4)) / 2));
}

TEST_CASE("the last epochs may stay at the final rate", "[train][schedule]") {
  const ScheduleConfig schedule{.type = ScheduleKind::cosine_to_rate,
                                .steps = 12,
                                .epochs = 12,
                                .warmup_epochs = 0,
                                .cooldown_epochs = 2};
  CHECK(scheduled_rate(schedule, 0, 1).of(1) == 1);
  CHECK(scheduled_rate(schedule, 5, 1).of(1) == Approx(0.500005));  // half of ten, not of twelve
  CHECK(scheduled_rate(schedule, 10, 1).of(1) == 1e-5);
  CHECK(scheduled_rate(schedule, 11, 1).of(1) == 1e-5);
}

TEST_CASE("the other schedules have no offset", "[train][schedule]") {
  const ScheduleConfig linear{};
  for (const std::int64_t step : {0, 2100, 35000}) {
    const ScheduledRate rate = scheduled_rate(linear, step, 4096);
    CHECK(rate.offset == 0);
    CHECK(rate.factor == after_steps(linear, step, 4096));
  }
  const ScheduleConfig epochs{.steps = 10, .epochs = 2};  // counted in steps, whatever their size
  CHECK(scheduled_rate(epochs, 3, 999).factor == schedule_factor(epochs, 3, 10));
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
