// Which evaluation is the best so far, where losses are not all numbers.

#include <cmath>

#include "tests/support/catch.h"
#include "tests/train/tiny_glue.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::TempDir;
using orchid::test::TinyGlue;

namespace {

/// A run that evaluates after each step, and whose weights can be made NaN for one of them.
class Run {
 public:
  explicit Run(const RunConfig& config, const StoredCheckpoint* resume = nullptr)
      : parts_(assemble(config, AssembleFor::training)), trainer_(*parts_, output_, resume) {}

  /// One more step. With `broken` weights it is skipped, and the loss of its evaluation is NaN.
  const Progress& step(bool broken) {
    Tensor values = trainer_.optimizer().values();
    const std::vector<double> whole = values_of(values);
    if (broken) set_values(values, std::vector<double>(whole.size(), NAN));
    trainer_.run(trainer_.progress().step + 1);
    if (broken) set_values(values, whole);
    return trainer_.progress();
  }

 private:
  std::unique_ptr<Assembly> parts_;
  RunOutput output_{RunOutput::Follower{.kept = true}};
  Trainer trainer_;
};

RunConfig config_of(const TinyGlue& glue) {
  RunConfig config = glue.config("rte");
  config.evaluate_every = 1;
  return config;
}

}  // namespace

TEST_CASE("a loss that is no number is never the best, and hides none", "[train][trainer]") {
  const TinyGlue glue;
  glue.write("rte", 40);
  Run run(config_of(glue));
  const Progress& first = run.step(true);
  CHECK(std::isnan(first.valid_loss.value()));
  CHECK(!first.best_valid_loss);
  CHECK(first.best_step != 1);
  const Progress second = run.step(false);
  REQUIRE(std::isfinite(second.valid_loss.value()));
  CHECK(second.best_valid_loss == second.valid_loss);
  CHECK(second.best_step == 2);
  const Progress third = run.step(true);
  CHECK(std::isnan(third.valid_loss.value()));
  CHECK(third.best_valid_loss == second.valid_loss);
  CHECK(third.best_step == 2);
}

TEST_CASE("a run that goes on from a best that is no number finds another", "[train][trainer]") {
  const TinyGlue glue;
  glue.write("rte", 40);
  const TempDir dir;
  const RunConfig config = config_of(glue);
  test::train_until(config, dir / "run", 1);
  const FoundRun found = find_run(config, dir / "run", true);
  REQUIRE(found.checkpoint);
  StoredCheckpoint stored = *found.checkpoint;
  const bool kept = GENERATE(true, false);  // files have null for it
  stored.state.progress.best_valid_loss = kept ? std::optional(std::nan("")) : std::nullopt;
  stored.state.progress.best_step = 1;
  Run run(config, &stored);
  const Progress next = run.step(false);
  REQUIRE(std::isfinite(next.valid_loss.value()));
  CHECK(next.best_valid_loss == next.valid_loss);
  CHECK(next.best_step == 2);
}
