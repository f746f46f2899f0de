// Runs whose length is given in epochs.

#include "tests/train/tiny_glue.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;

namespace {

using Numbers = std::vector<std::int64_t>;

double figure(const Trainer& trainer, const std::string& name) {
  for (const auto& [key, value] : trainer.last_metrics()->values)
    if (key == name) return value;
  FAIL("no figure " << name);
  return 0;
}

std::int64_t steps_of(const RunConfig& config) {
  return assemble(config, AssembleFor::training)->config.schedule.steps;
}

}  // namespace

TEST_CASE("epochs: steps are those that the training data take", "[train][epochs]") {
  const TinyGlue glue;
  glue.write("cola", 20);
  CHECK(steps_of(glue.config("cola")) == 9);
  CHECK(steps_of(glue.config("cola", {"batch.global=10"})) == 6);
  CHECK(steps_of(glue.config("cola", {"batch.global=32", "schedule.epochs=5"})) == 5);
  CHECK(steps_of(glue.config("cola", {"data.train_rows=8"})) == 3);
  CHECK(steps_of(glue.config("cola", {"schedule.epochs=0", "schedule.steps=11"})) == 11);
  Numbers samples;
  train_until(glue.config("cola"), glue.path() / "run", 9,
              [&](const Trainer& trainer) { samples.push_back(trainer.progress().samples); });
  CHECK(samples == Numbers{8, 16, 20, 28, 36, 40, 48, 56, 60});
}

TEST_CASE("epochs: the learning rate goes by steps", "[train][epochs]") {
  const TinyGlue glue;
  glue.write("rte", 20);
  // 36 steps, of which int(0.06 * 36) = 2 warm up; by samples it would be 17, a little over 2.
  const RunConfig config = glue.config("rte", {"schedule.epochs=12", "log_every=1"});
  std::int64_t step = 0;
  train_until(config, glue.path() / "run", 36, [&](const Trainer& trainer) {
    const double factor =
        step < 2 ? static_cast<double>(step) / 2 : 1 - static_cast<double>(step - 2) / 34;
    INFO("step " << step);
    CHECK(figure(trainer, "learning_rate") == Approx(0.01 * factor).epsilon(1e-12));
    ++step;
  });
  CHECK(step == 36);
}

TEST_CASE("epochs: a smaller step weighs its own samples alike", "[train][epochs]") {
  const TinyGlue glue;
  for (const std::string task : {"cola", "stsb"}) {
    INFO(task);
    glue.write(task, 20);
    // Weights that stay: the steps of an epoch add up to an evaluation on the training data.
    const RunConfig config = glue.config(
        task, {"optimizer.learning_rate=0", "optimizer.weight_decay=0", "model.dropout=0",
               "model.encoder.dropout=0", "task.dropout=0", "batch.per_device=3", "log_every=1"});
    const auto parts = assemble(config, AssembleFor::training);
    const Evaluation whole = evaluate(parts->ctx, *parts->model, *parts->task, *parts->data.train,
                                      {}, [] { return false; });
    const double shares[] = {8.0 / 20, 8.0 / 20, 4.0 / 20};
    double loss = 0, accuracy = 0;
    std::size_t step = 0;
    train_until(config, glue.path() / task, 3, [&](const Trainer& trainer) {
      loss += shares[step] * figure(trainer, "loss");
      if (task == "cola") accuracy += shares[step] * figure(trainer, "accuracy");
      ++step;
    });
    CHECK(loss == Approx(whole.loss).epsilon(1e-6));
    if (task == "cola") CHECK(accuracy == Approx(whole.metric("accuracy")));
  }
}

TEST_CASE("epochs: a batch beyond the data is one of all samples", "[train][epochs]") {
  const TinyGlue glue;
  glue.write("cola", 4);
  const auto norms = [&](std::int64_t batch) {
    const auto directory = glue.path() / std::to_string(batch);
    std::vector<double> all;
    train_until(
        glue.config("cola", {str("batch.global=", batch), "batch.per_device=9", "log_every=1"}),
        directory, 3, [&](const Trainer& trainer) { all.push_back(figure(trainer, "grad_norm")); });
    return std::pair(all, slurp(find_checkpoint(directory) / "model.safetensors"));
  };
  const auto four = norms(4), nine = norms(9);
  CHECK(four.first == nine.first);
  CHECK(four.second == nine.second);
}

TEST_CASE("epochs: a run that is resumed ends with the same bytes", "[train][epochs]") {
  const TinyGlue glue;
  glue.write("stsb", 20);
  glue.write("cola", 20);
  for (const std::string task : {"cola", "stsb"}) {
    INFO(task);
    // Steps of 3 + 3 + 2 samples, the last of an epoch of 3 + 1; dropout is on.
    const RunConfig config = glue.config(task, {"batch.per_device=3", "evaluate_every=2"});
    const auto straight = glue.path() / (task + "-straight");
    const auto resumed = glue.path() / (task + "-resumed");
    train_until(config, straight, 9);
    for (const std::int64_t last : {2, 3, 4, 7, 9}) train_until(config, resumed, last);
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const std::string path = std::string("checkpoints/step-00000009/") + file;
      CHECK(slurp(straight / path) == slurp(resumed / path));
    }
    const CheckpointState end = read_state(resumed / "checkpoints/step-00000009");
    CHECK(end.progress.samples == 60);
    CHECK(slurp(resumed / "checkpoints/step-00000009/state.json").find("\"next_sample\": 60") !=
          std::string::npos);
    CHECK(end.config.schedule.steps == 9);
    CHECK(end.progress.valid_loss ==
          read_state(straight / "checkpoints/step-00000009").progress.valid_loss);
  }
}
