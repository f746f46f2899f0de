#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/op_check.h"
#include "tests/train/tiny_glue.h"
#include "train/trainer.h"

namespace orchid::test {
namespace {

using train::RunConfig;

/// What a run came to: its loss at every step, its parameters, moments on the first rank.
struct Curve {
  std::vector<double> losses;
  Array parameters;
  std::int64_t moment_bytes = 0;
};

/// Trains as one rank; the loss of each step comes from its line of metrics.
Curve train_rank(const RunConfig& config, std::unique_ptr<train::Communicator> comm,
                 std::int64_t steps) {
  auto parts = train::assemble(config, train::AssembleFor::training);
  parts->comm = std::move(comm);
  train::RunOutput output(train::RunOutput::Follower{});
  train::Trainer trainer(*parts, output, nullptr);
  Curve curve;
  for (std::int64_t step = 1; step <= steps; ++step) {
    trainer.run(step);
    curve.losses.push_back(trainer.last_metrics()->values.front().second);
  }
  parts->model->visit("", {[&](const std::string&, model::Parameter& parameter) {
                             const Array values = download(parameter.value);
                             curve.parameters.insert(curve.parameters.end(), values.begin(),
                                                     values.end());
                           },
                           nullptr});
  curve.moment_bytes = trainer.optimizer().moment_bytes();
  return curve;
}

/// The same run by `world` threads of this process; the first rank's curve. All ranks must agree.
Curve train_ranks(RunConfig config, int world, std::int64_t micro_batch, std::int64_t steps) {
  config.batch.per_device = micro_batch;
  config.log_every = 1;
  config.evaluate_every = 0;
  if (world == 1) return train_rank(config, train::make_single(), steps);
  auto comms = train::make_threads(world, {.deadline_s = 60});
  std::vector<Curve> curves(comms.size());
  std::vector<std::string> errors(comms.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < comms.size(); ++r)
    threads.emplace_back([&, r] {
      try {
        curves[r] = train_rank(config, std::move(comms[r]), steps);
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) REQUIRE(error == "");
  for (const Curve& curve : curves) CHECK(curve.parameters == curves[0].parameters);
  return curves[0];
}

void check_near(const Curve& got, const Curve& expected) {
  REQUIRE(got.losses.size() == expected.losses.size());
  for (std::size_t i = 0; i < expected.losses.size(); ++i) {
    INFO("step " << i + 1);
    CHECK(got.losses[i] == Approx(expected.losses[i]).epsilon(2e-5));
  }
}

}  // namespace

TEST_CASE("ranks in any number train as one does", "[ranks]") {
  const TinyGlue glue;
  glue.write("rte", 40);
  // Dropout is drawn by micro-batch: three ranks of uneven shares have others than one rank has.
  const bool even = GENERATE(true, false);
  const std::string rate = even ? "0.1" : "0";
  RunConfig config = glue.config(
      "rte", {"model.dropout=" + rate, "model.encoder.dropout=" + rate, "task.dropout=" + rate});
  config.batch.global = 16;
  config.schedule = {.type = train::ScheduleKind::constant, .steps = 50};
  config.optimizer.learning_rate = 2e-3;  // at five times that the rows are learned by heart
  config.threads = 1;
  config.parallel.bucket_mib = 1;
  const std::int64_t steps = 50;
  const std::vector<int> worlds = even ? std::vector{2, 4} : std::vector{3};
  const Curve one = train_ranks(config, 1, 4, steps);
  CHECK(one.losses.front() > 0.6);
  CHECK(one.losses.back() < one.losses.front() - 0.05);

  SECTION("sums in pairs: the same bits") {
    config.parallel.reduction = train::Reduction::fixed;
    const Curve fixed = train_ranks(config, 1, 4, steps);
    check_near(fixed, one);
    for (const int world : worlds) {
      INFO(world << " ranks");
      const Curve curve = train_ranks(config, world, 4, steps);
      check_near(curve, one);
      if (!even) continue;
      CHECK(curve.losses == fixed.losses);
      CHECK(curve.parameters == fixed.parameters);
    }
  }
  SECTION("sums as they come") {
    for (const int world : worlds) {
      INFO(world << " ranks");
      check_near(train_ranks(config, world, 4, steps), one);
    }
  }
  SECTION("sharded") {
    config.parallel.shard_optimizer = true;
    config.ema.decay = 0.9;
    for (const int world : worlds) {
      INFO(world << " ranks");
      const Curve curve = train_ranks(config, world, 4, steps);
      check_near(curve, one);
      const double share =
          static_cast<double>(curve.moment_bytes) / static_cast<double>(one.moment_bytes);
      CHECK(share == Approx(1.0 / world).epsilon(0.01));
    }
  }
}

TEST_CASE("ranks that no longer hold the same parameters are noticed", "[ranks]") {
  const TinyGlue glue;
  glue.write("rte", 20);
  RunConfig config = glue.config("rte");
  config.parallel.check_every = GENERATE(1, 0);
  auto comms = train::make_threads(2, {.deadline_s = 20});
  std::vector<std::string> errors(comms.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < comms.size(); ++r)
    threads.emplace_back([&, r] {
      auto parts = train::assemble(config, train::AssembleFor::training);
      parts->comm = std::move(comms[r]);
      train::RunOutput output(train::RunOutput::Follower{});
      train::Trainer trainer(*parts, output, nullptr);
      try {
        trainer.run(1);
        if (r == 1) trainer.optimizer().value(0).data<float>()[0] += 1;
        trainer.run(2);
      } catch (const Error& error) {
        errors[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) {
    INFO(error);
    const bool noticed =
        error.find("step 2: the ranks no longer hold the same parameters") != std::string::npos;
    CHECK(noticed == (config.parallel.check_every == 1));
  }
}

}  // namespace orchid::test
