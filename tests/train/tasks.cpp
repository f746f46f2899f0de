#include "kernels/core/memory.h"
#include "tests/support/arrays.h"
#include "tests/support/op_check.h"
#include "train/evaluation.h"
#include "train/tasks/task.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;

namespace {

/// Where outputs of this type are scored: in float64 that is the CPU.
Context& context_of(DType dtype) {
  static Context exact({}, DType::f64, 1);
  return dtype == DType::f64 ? exact : test_context(dtype);
}

/// What add_score adds to sums that start at `start`; the outputs become what it leaves there.
Array scored(const Task& task, Tensor& outputs, const Tensor& targets, bool gradient,
             const Array& start = {0, 0}) {
  Context& ctx = context_of(outputs.dtype());
  Tensor sums = upload(ctx, start, {2}, DType::f64);
  task.add_score(ctx, outputs, {{}, targets}, gradient, sums);
  return download(sums);
}

/// The gradient that add_score leaves is that of the summed loss; without one it leaves the outputs
/// alone, and it adds to what is in the sums.
void check_gradient_of_score(const Task& task, const Array& values, const Shape& shape,
                             const Tensor& targets) {
  const auto outputs_of = [&](const Array& x) {
    return upload(context_of(DType::f64), x, shape, DType::f64);
  };
  const auto loss = [&](const Array& x) {
    Tensor outputs = outputs_of(x);
    const double sum = scored(task, outputs, targets, false)[0];
    check_equal("outputs that are to stay", download(outputs), x);
    return Array{sum};
  };
  Tensor outputs = outputs_of(values);
  const Array sums = scored(task, outputs, targets, true, {100, 7});
  check_close("gradient", outputs, numeric_gradient(loss, values, {1}), kNumeric);
  CHECK(sums[0] == Approx(100 + loss(values)[0]).epsilon(1e-12));
}

/// One text a sample: row i holds the ids i, i, ... and has 1 + i % L tokens; its class or its
/// score is given.
class Samples : public data::Dataset {
 public:
  static constexpr std::int64_t kLength = 4;
  explicit Samples(std::vector<std::int32_t> classes, std::vector<float> scores = {})
      : classes_(std::move(classes)), scores_(std::move(scores)) {}

  std::int64_t size() const override { return std::max(std::ssize(classes_), std::ssize(scores_)); }
  void item(std::int64_t index, std::uint64_t, data::Batch& batch,
            std::int64_t row) const override {
    const auto at = static_cast<std::size_t>(index);
    std::fill_n(batch.inputs.data<std::int32_t>() + row * kLength, kLength,
                static_cast<std::int32_t>(index));
    batch.lengths.data<std::int32_t>()[row] = static_cast<std::int32_t>(1 + index % kLength);
    if (batch.targets.defined()) batch.targets.data<std::int32_t>()[row] = classes_[at];
    if (batch.scores.defined()) batch.scores.data<float>()[row] = scores_[at];
  }
  data::Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    data::Batch batch;
    batch.inputs = Tensor::empty({rows, kLength}, DType::i32, memory);
    batch.lengths = Tensor::empty({rows}, DType::i32, memory);
    if (!classes_.empty()) batch.targets = Tensor::empty({rows}, DType::i32, memory);
    if (!scores_.empty()) batch.scores = Tensor::empty({rows}, DType::f32, memory);
    return batch;
  }

 private:
  std::vector<std::int32_t> classes_;
  std::vector<float> scores_;
};

/// Answers of a table: row i for the id i.
class Answers : public model::Model {
 public:
  Answers(Array table, std::int64_t width) : table_(std::move(table)), width_(width) {}
  Tensor forward(Context& ctx, const model::Input& input, model::Tape&) const override {
    const Array ids = download(input.ids);
    Array outputs;
    for (std::size_t i = 0; i < ids.size(); i += Samples::kLength) {
      const auto row = table_.begin() + static_cast<std::ptrdiff_t>(ids[i]) * width_;
      outputs.insert(outputs.end(), row, row + width_);
    }
    return upload(ctx, outputs, {input.ids.shape()[0], width_});
  }
  void backward(Context&, const Tensor&, model::Tape&) override {}
  void visit(const std::string&, const model::Visitor&) override {}

 private:
  Array table_;
  std::int64_t width_;
};

/// Figures over micro-batches of 1, 5 and all, which must be the same; the metrics to the bit.
Evaluation evaluated(const model::Model& model, const Task& task, const data::Dataset& dataset) {
  const auto over = [&](std::int64_t micro) {
    return evaluate(test_context(), model, task, dataset, {.micro_batch = micro},
                    [] { return false; });
  };
  const Evaluation all = over(100);
  for (const std::int64_t micro : {1, 5}) {
    INFO("micro-batches of " << micro);
    const Evaluation parts = over(micro);
    CHECK(parts.loss == Approx(all.loss).epsilon(1e-12));
    CHECK(parts.metrics == all.metrics);
    CHECK(std::tuple(parts.targets, parts.samples, parts.tokens) ==
          std::tuple(all.targets, all.samples, all.tokens));
  }
  CHECK(all.complete);
  CHECK(all.samples == dataset.size());
  CHECK(all.targets == dataset.size());
  return all;
}

std::vector<std::string> names(const Metrics& metrics) {
  std::vector<std::string> all;
  for (const auto& [name, value] : metrics) all.push_back(name);
  return all;
}

}  // namespace

TEST_CASE("tasks: the score's gradient of a classification", "[train][tasks]") {
  const auto task = make_task(ClassificationTaskConfig{.classes = 3});
  const Context& ctx = context_of(DType::f64);
  const Array logits = {2, -1, 0.5, 0, 0.25, 3, -2, 1, 1.5, 0.5, 4, -0.5, 1, 2, 3};
  const Tensor targets = upload_i32(ctx, {0, 2, 1, 0, 1}, {5});
  check_gradient_of_score(*task, logits, {5, 3}, targets);
  Tensor outputs = upload(ctx, logits, {5, 3}, DType::f64);
  // Rows 0 and 1 have their largest logit at the target.
  CHECK(scored(*task, outputs, targets, false, {0, 10})[1] == 12);
  CHECK(task->counts_hits());
}

TEST_CASE("tasks: the score's gradient of a regression", "[train][tasks]") {
  const auto task = make_task(RegressionTaskConfig{});
  const Context& ctx = context_of(DType::f64);
  const Tensor targets = upload(ctx, Array{2, 0.5, -1, 5}, {4}, DType::f64);
  check_gradient_of_score(*task, {2.5, -1, 0, 4.75}, {4, 1}, targets);
  Tensor outputs = upload(ctx, Array{2.5, -1, 0, 4.75}, {4, 1}, DType::f64);
  const Array sums = scored(*task, outputs, targets, false, {0, 10});
  CHECK(sums[0] == 0.25 + 2.25 + 1 + 0.0625);
  CHECK(sums[1] == 10);  // a regression has no hits
  CHECK(!task->counts_hits());
}

TEST_CASE("tasks: scores and gradients in float32 are those in float64", "[train][tasks]") {
  const auto classes = make_task(ClassificationTaskConfig{.classes = 4});
  const auto score = make_task(RegressionTaskConfig{});
  const Array logits = random_array(24, 1), values = random_array(6, 2), truth = random_array(6, 3);
  const Tensor targets = upload_i32(test_context(), {0, 3, 1, 2, 2, 0}, {6});
  std::map<DType, Array> results[2];
  for_each_compute([&](Context& ctx, DType dtype, Tolerance) {
    Tensor a = upload(ctx, logits, {6, 4}), b = upload(ctx, values, {6, 1});
    const Array first = scored(*classes, a, targets, true);
    const Array second = scored(*score, b, upload(ctx, truth, {6}), true);
    results[0][dtype] = download(a);
    results[0][dtype].insert(results[0][dtype].end(), first.begin(), first.end());
    results[1][dtype] = download(b);
    results[1][dtype].insert(results[1][dtype].end(), second.begin(), second.end());
  });
  for (auto& result : results)
    if (result.contains(DType::f64))
      check_close("float32", result[DType::f32], result[DType::f64], kF32);
}

TEST_CASE("tasks: figures of two classes", "[train][tasks]") {
  // By hand: 4 of class 1 found and 1 missed, 2 of class 0 taken for 1 and 5 not.
  const std::vector<std::int32_t> truth = {1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<int> said = {1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0};
  Array table;
  double loss = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double logit = 0.25 * static_cast<double>(i + 1);  // of the class said; 0 of the other
    table.push_back(said[i] == 0 ? logit : 0);
    table.push_back(said[i] == 1 ? logit : 0);
    loss += std::log(1 + std::exp(logit)) - (said[i] == truth[i] ? logit : 0);
  }
  const auto task = make_task(ClassificationTaskConfig{});
  const Evaluation all = evaluated(Answers(table, 2), *task, Samples(truth));
  CHECK(all.loss == Approx(loss / 12).epsilon(1e-6));
  CHECK(names(all.metrics) == std::vector<std::string>{"accuracy", "majority", "f1", "matthews"});
  CHECK(all.metric("accuracy") == Approx(9.0 / 12));
  CHECK(all.metric("majority") == Approx(7.0 / 12));
  CHECK(all.metric("f1") == Approx(4.0 / (4 + 1.5)));
  CHECK(all.metric("matthews") == Approx((4 * 5 - 2 * 1) / std::sqrt(6.0 * 5 * 7 * 6)));
  CHECK(all.tokens == 3 * (1 + 2 + 3 + 4));
}

TEST_CASE("tasks: figures of three classes", "[train][tasks]") {
  const std::vector<std::int32_t> truth = {0, 1, 2, 2, 1, 2, 2};
  const Array table = {3, 0, 0, 0, 2, 1, 0, 1, 0, 0, 0, 5, 1, 0, 0, 1, 1, 2, -1, -1, -3};
  const auto task = make_task(ClassificationTaskConfig{.classes = 3});
  const Evaluation all = evaluated(Answers(table, 3), *task, Samples(truth));
  // Said: 0 1 1 2 0 2 and, of two that are as large, the first: 0.
  CHECK(all.metric("accuracy") == Approx(4.0 / 7));
  CHECK(all.metric("majority") == Approx(4.0 / 7));
  CHECK(names(all.metrics) == std::vector<std::string>{"accuracy", "majority"});
  require_error([&] { all.metric("f1"); }, "evaluation: no figure \"f1\"");
}

TEST_CASE("tasks: figures of a regression", "[train][tasks]") {
  const Array said = {0, 1, 2, 3, 10, 2};
  const Evaluation all = evaluated(Answers(said, 1), *make_task(RegressionTaskConfig{}),
                                   Samples({}, {1, 0, 2, 3, 4, 2}));
  CHECK(all.loss == Approx((1 + 1 + 0 + 0 + 36 + 0) / 6.0));
  // Said less its mean 3: -3 -2 -1 0 7 -1; truth less its mean 2: -1 -2 0 1 2 0.
  CHECK(all.metric("pearson") == Approx((3 + 4 + 14) / std::sqrt(64.0 * 10)));
  // Ranks, less 3.5: of what is said -2.5 -1.5 0 1.5 2.5 0, of the truth -1.5 -2.5 0 1.5 2.5 0.
  CHECK(all.metric("spearman") == Approx((3.75 + 3.75 + 2.25 + 6.25) / 17));
  CHECK(names(all.metrics) == std::vector<std::string>{"pearson", "spearman"});
}

TEST_CASE("tasks: predictions come in the order of the data, labels or none", "[train][tasks]") {
  const Array table = random_array(14, 1);
  const auto task = make_task(ClassificationTaskConfig{});
  std::vector<std::vector<double>> expected;
  for (std::size_t i = 0; i < 14; i += 2) expected.push_back({table[i], table[i + 1]});
  const Samples labelled({1, 0, 1, 0, 1, 0, 1});
  for (const std::int64_t micro : {1, 5, 100})
    CHECK(predict_all(test_context(), Answers(table, 2), *task, labelled, {.micro_batch = micro}) ==
          expected);

  /// The same samples without their labels.
  class Unlabelled : public Samples {
   public:
    Unlabelled() : Samples({0, 0, 0, 0, 0, 0, 0}) {}
    data::Batch empty_batch(std::int64_t rows,
                            const std::shared_ptr<Memory>& memory) const override {
      data::Batch batch = Samples::empty_batch(rows, memory);
      batch.targets = {};
      return batch;
    }
  };
  for (const TaskConfig& config :
       {TaskConfig{ClassificationTaskConfig{}}, TaskConfig{RegressionTaskConfig{}}})
    CHECK(predict_all(test_context(), Answers(table, 2), *make_task(config), Unlabelled(),
                      {.micro_batch = 5}) == expected);
}

TEST_CASE("tasks: a pooled model reads first positions, or lengths", "[train][tasks]") {
  const Samples dataset({1, 0, 1});
  data::Batch batch = dataset.empty_batch(3, make_host_pool());
  for (std::int64_t i = 0; i < 3; ++i) dataset.item(i, 0, batch, i);
  batch.samples = 3;
  const auto input_of = [&](model::Pooling pooling) {
    const auto task = make_task(ClassificationTaskConfig{.pooling = pooling});
    const TaskBatch prepared = task->prepare(test_context(), batch);
    CHECK(task->targets(batch) == 3);
    CHECK(download(prepared.targets) == Array{1, 0, 1});
    CHECK(download(prepared.input.ids) == Array{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
    CHECK(download(prepared.input.mask) == Array{1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0});
    CHECK(!prepared.input.segments.defined());
    const auto head = std::get<model::PooledHeadConfig>(task->head());
    CHECK(head.pooling == pooling);
    CHECK(head.outputs == 2);
    return prepared.input;
  };
  CHECK(download(input_of(model::Pooling::first).rows) == Array{0, 4, 8});
  CHECK(!input_of(model::Pooling::mean).rows.defined());
  const auto regression =
      make_task(RegressionTaskConfig{.pooling = model::Pooling::mean, .dropout = 0.5});
  const auto head = std::get<model::PooledHeadConfig>(regression->head());
  CHECK(std::tuple(head.outputs, head.pooling, head.dropout) ==
        std::tuple(1, model::Pooling::mean, 0.5));
}

TEST_CASE("tasks: the length of a row changes what mean pooling answers, not first pooling",
          "[train][tasks]") {
  model::BertConfig bert;
  bert.vocabulary = 16;
  bert.length = Samples::kLength;
  bert.encoder.width = 8;
  bert.encoder.layers = 1;
  bert.encoder.mlp.blocks = 2;
  const auto answers = [&](model::Pooling pooling, std::int32_t length) {
    Context& ctx = test_context();
    const auto task = make_task(ClassificationTaskConfig{.pooling = pooling});
    const auto model = model::build_model(ctx, bert, 1, task->head());
    model::refresh_products(ctx, *model);
    const Samples dataset({1, 0});
    data::Batch batch = dataset.empty_batch(2, make_host_pool());
    for (std::int64_t i = 0; i < 2; ++i) dataset.item(i, 0, batch, i);
    batch.samples = 2;
    batch.lengths.data<std::int32_t>()[1] = length;
    model::Tape off = model::Tape::off();
    return download(model->forward(ctx, to_device(ctx, task->prepare(ctx, batch)).input, off));
  };
  const Array shorter = answers(model::Pooling::mean, 2), longer = answers(model::Pooling::mean, 4);
  for (const std::size_t i : {0, 1}) CHECK(shorter[i] == longer[i]);  // the other row
  for (const std::size_t i : {2, 3}) CHECK(shorter[i] != longer[i]);
  CHECK(answers(model::Pooling::first, 2) == answers(model::Pooling::first, 4));
}
