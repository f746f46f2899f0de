#include "train/trainer.h"

#include "kernels/ops/arithmetic.h"
#include "tests/support/catch.h"
#include "tests/support/op_check.h"
#include "train/config/load.h"
#include "train/optim/schedule.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::Array;
using orchid::test::download;

namespace {

constexpr std::int64_t kVocabulary = 8;
constexpr std::int64_t kLength = 4;

/// Row `index` holds the token index % 8 everywhere; its first 1 + index % 3 positions are targets.
class Tokens : public data::Dataset {
 public:
  std::int64_t size() const override { return 12; }
  void item(std::int64_t index, std::uint64_t, data::Batch& batch,
            std::int64_t row) const override {
    for (std::int64_t i = 0; i < kLength; ++i) {
      const auto id = static_cast<std::int32_t>(index % kVocabulary);
      batch.inputs.data<std::int32_t>()[row * kLength + i] = id;
      batch.labels.data<std::int32_t>()[row * kLength + i] = i <= index % 3 ? id : -1;
    }
    batch.lengths.data<std::int32_t>()[row] = kLength;
  }
  data::Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    data::Batch batch;
    batch.inputs = Tensor::empty({rows, kLength}, DType::i32, memory);
    batch.labels = Tensor::empty({rows, kLength}, DType::i32, memory);
    batch.lengths = Tensor::empty({rows}, DType::i32, memory);
    return batch;
  }
};

/// Logits are one trained row w, the same at every position: the loss of a target t is
/// log sum exp w - w_t, its gradient softmax(w) - onehot(t).
class Bigram : public model::Model {
 public:
  explicit Bigram(Context& ctx) { weight_.value = ctx.zeros({kVocabulary}); }
  Tensor forward(Context& ctx, const model::Input& input, model::Tape& tape) const override {
    const std::int64_t rows = input.rows.count();
    Tensor logits = ctx.empty({rows, kVocabulary});
    for (std::int64_t row = 0; row < rows; ++row)
      std::copy_n(weight_.value.data<float>(), kVocabulary,
                  logits.data<float>() + row * kVocabulary);
    if (poison > 0 && tape.training() && --poison >= 0) logits.data<float>()[0] = NAN;
    tape.save(0);
    return logits;
  }
  void backward(Context&, const Tensor& dlogits, model::Tape& tape) override {
    tape.take<int>();
    for (std::int64_t i = 0; i < dlogits.count(); ++i)
      weight_.grad.data<float>()[i % kVocabulary] += dlogits.data<float>()[i];
  }
  void visit(const std::string&, const model::Visitor& visitor) override {
    if (visitor.parameter) visitor.parameter("weight", weight_);
  }
  const model::Parameter& weight() const { return weight_; }
  mutable int poison = 0;  ///< so many of the next forwards give a NaN

 private:
  model::Parameter weight_;
};

struct Fixture {
  explicit Fixture(const std::vector<std::string>& sets = {}) {
    std::vector<std::string> all = {"batch.global=12",
                                    "batch.per_device=12",
                                    "schedule.steps=4",
                                    "schedule.warmup_fraction=0",
                                    "optimizer.learning_rate=0.5",
                                    "data.shuffle=false",
                                    "threads=1",
                                    "data.threads=0"};
    all.insert(all.end(), sets.begin(), sets.end());
    parts.config = parse_config(R"({"name": "a", "model": {"type": "bert"}, "task": {"type": "mlm"},
        "data": {"type": "text_shards", "train": "t"}})",
                                "test", all);
    auto bigram = std::make_unique<Bigram>(parts.ctx);
    model = bigram.get();
    parts.model = std::move(bigram);
    parts.task = make_task(parts.config.task);
    parts.data.train = std::make_unique<Tokens>();
  }
  Array weight() const { return download(model->weight().value); }

  Assembly parts{{}, Context({}, DType::f32, 1)};
  Bigram* model;
};

/// The run in double: all 24 targets of the 12 rows in each step.
struct ReferenceRun {
  std::vector<double> w = std::vector<double>(kVocabulary), m = w, v = w;
  double norm = 0, loss = 0;

  void step(const RunConfig& config, std::int64_t step) {
    std::vector<double> g(kVocabulary);
    double sum = 0, targets = 0;
    for (const double x : w) sum += std::exp(x);
    loss = 0;
    for (std::int64_t index = 0; index < 12; ++index)
      for (std::int64_t i = 0; i <= index % 3; ++i) {
        const auto target = static_cast<std::size_t>(index % kVocabulary);
        loss += std::log(sum) - w[target];
        for (std::size_t k = 0; k < w.size(); ++k) g[k] += std::exp(w[k]) / sum;
        g[target] -= 1;
        targets += 1;
      }
    loss /= targets;
    norm = 0;
    for (double& x : g) {
      x /= targets;
      norm += x * x;
    }
    norm = std::sqrt(norm);
    const double clip = config.clip_norm > 0 ? std::min(1.0, config.clip_norm / (norm + 1e-6)) : 1;
    const double alpha = schedule_factor(config.schedule, step * 12, config.schedule.steps * 12);
    const auto& [b1, b2] = config.optimizer.betas;
    const double t = static_cast<double>(step + 1);
    for (std::size_t k = 0; k < w.size(); ++k) {
      w[k] *= 1 - alpha * config.optimizer.weight_decay;
      m[k] = b1 * m[k] + (1 - b1) * g[k] * clip;
      v[k] = b2 * v[k] + (1 - b2) * g[k] * g[k] * clip * clip;
      w[k] -= alpha * config.optimizer.learning_rate / (1 - std::pow(b1, t)) * m[k] /
              (std::sqrt(v[k] / (1 - std::pow(b2, t))) + config.optimizer.epsilon);
    }
  }
};

}  // namespace

TEST_CASE("training follows the recipe: mean over targets, clip, decay, schedule",
          "[train][trainer]") {
  for (const std::vector<std::string>& sets :
       {std::vector<std::string>{}, {"batch.per_device=5"}, {"clip_norm=0.01"}, {"clip_norm=0"}}) {
    Fixture run(sets);
    RunOutput output(4);
    Trainer trainer(run.parts, output, nullptr);
    ReferenceRun reference;
    for (std::int64_t step = 0; step < 4; ++step) {
      trainer.run(step + 1);
      reference.step(run.parts.config, step);
      INFO("step " << step << (sets.empty() ? "" : " with " + sets[0]));
      const auto& values = trainer.last_metrics()->values;
      CHECK(values[0].second == Approx(reference.loss).epsilon(1e-5));
      CHECK(values[3].second == Approx(reference.norm).epsilon(1e-4));
      test::check_close("weight", run.weight(), reference.w, {1e-3});
    }
    CHECK(trainer.progress().samples == 48);
  }
}

TEST_CASE("a step that is not finite changes nothing and does not count as an update",
          "[train][trainer]") {
  Fixture poisoned, plain;
  RunOutput output(4);
  Trainer trainer(poisoned.parts, output, nullptr), other(plain.parts, output, nullptr);
  poisoned.model->poison = 1;
  trainer.run(1);
  CHECK(poisoned.weight() == Array(kVocabulary, 0.0));
  CHECK(trainer.progress().skipped == 1);
  CHECK(trainer.progress().step == 1);
  trainer.run(2);
  CHECK(trainer.progress().skipped_in_a_row == 0);
  // Its first update is that of a first step, bias correction included, at the rate of step 2.
  other.run(1);
  const double factor = schedule_factor(plain.parts.config.schedule, 12, 48);
  for (std::size_t k = 0; k < kVocabulary; ++k)
    CHECK(poisoned.weight()[k] == Approx(factor * plain.weight()[k]).epsilon(1e-5));
}

TEST_CASE("the third step in a row that is not finite ends the run", "[train][trainer]") {
  Fixture run;
  RunOutput output(4);
  Trainer trainer(run.parts, output, nullptr);
  run.model->poison = 2;
  trainer.run(3);
  CHECK(trainer.progress().skipped == 2);
  run.model->poison = 1;
  trainer.run(4);  // not in a row with the others
  Fixture worse;
  Trainer doomed(worse.parts, output, nullptr);
  worse.model->poison = 3;
  test::require_error([&] { doomed.run(4); },
                      "step 3: the loss is nan, the norm of the gradient nan, not finite for the "
                      "3rd time in a row");
  Fixture strict({"nonfinite=stop"});
  Trainer stopped(strict.parts, output, nullptr);
  strict.model->poison = 1;
  test::require_error([&] { stopped.run(4); }, "step 1: the loss is nan");
}

TEST_CASE("evaluation weighs targets alike and knows the entropy of their frequencies",
          "[train][trainer]") {
  Fixture run;
  Tensor row = run.model->weight().value;
  for (int k = 0; k < kVocabulary; ++k) row.data<float>()[k] = k == 2 ? 1.0f : 0.0f;
  for (const std::int64_t micro : {12, 5, 1}) {
    const Evaluation all =
        evaluate(run.parts.ctx, *run.model, *run.parts.task, *run.parts.data.train,
                 {.micro_batch = micro, .samples = 0}, [] { return false; });
    // Targets by token: rows 0..7 hold 1 2 3 1 2 3 1 2, rows 8..11 hold 3 1 2 3 of tokens 0..3.
    const double counts[] = {4, 3, 5, 4, 2, 3, 1, 2};
    double entropy = 0, loss = 0;
    for (int k = 0; k < kVocabulary; ++k) {
      entropy -= counts[k] / 24 * std::log(counts[k] / 24);
      loss += counts[k] / 24 * (std::log(7 + std::exp(1.0)) - (k == 2 ? 1 : 0));
    }
    CHECK(all.complete);
    CHECK(all.targets == 24);
    CHECK(all.samples == 12);
    CHECK(all.loss == Approx(loss).epsilon(1e-6));
    CHECK(all.metric("accuracy") == Approx(5.0 / 24));
    CHECK(all.metric("unigram_entropy") == Approx(entropy).epsilon(1e-12));
  }
  const Evaluation some =
      evaluate(run.parts.ctx, *run.model, *run.parts.task, *run.parts.data.train,
               {.micro_batch = 2, .samples = 3}, [] { return false; });
  // Rows 0, 4 and 8, evenly from all: of the tokens 0, 4, 0 they have 1, 2 and 3 targets.
  CHECK(some.targets == 6);
  CHECK(some.metric("unigram_entropy") ==
        Approx(-(4.0 / 6) * std::log(4.0 / 6) - (2.0 / 6) * std::log(2.0 / 6)));
  CHECK(!evaluate(run.parts.ctx, *run.model, *run.parts.task, *run.parts.data.train, {}, [] {
           return true;
         }).complete);
}
