// Classification of pictures against formulas in double.

#include <cmath>

#include "kernels/core/memory.h"
#include "tests/support/arrays.h"
#include "tests/support/op_check.h"
#include "train/tasks/class_metrics.h"
#include "train/tasks/task.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;

namespace {

/// Cross entropy of one row against q = (1 - e) (share at target, the rest at partner) + e / V, and
/// its gradient softmax - q.
double soft_loss(const Array& logits, std::size_t target, std::size_t partner, double share,
                 double smoothing, Array& gradient) {
  double sum = 0, loss = 0;
  for (const double x : logits) sum += std::exp(x);
  gradient.clear();
  for (std::size_t c = 0; c < logits.size(); ++c) {
    double q = smoothing / static_cast<double>(logits.size());
    if (c == target) q += (1 - smoothing) * share;
    if (c == partner) q += (1 - smoothing) * (1 - share);
    const double p = std::exp(logits[c]) / sum;
    loss -= q * std::log(p);
    gradient.push_back(p - q);
  }
  return loss;
}

const Array kLogits = {0.5, -1, 2, 0.25, 1, 1.5, -0.5, 0, 3, -2, 0.75, 0.125};
const Array kTargets = {2, 0, 3}, kPartners = {1, 0, 0}, kShares = {0.25, 1, 0.625};

TaskBatch mixed_batch(Context& ctx, bool mixed) {
  TaskBatch batch{{}, upload(ctx, kTargets, {3}, DType::i32)};
  if (!mixed) return batch;
  batch.partners = upload(ctx, kPartners, {3}, DType::i32);
  batch.shares = upload(ctx, kShares, {3}, DType::f32);
  return batch;
}

}  // namespace

TEST_CASE("pictures: training is scored against smoothed and mixed targets",
          "[train][tasks][images]") {
  const bool twice = GENERATE(false, true), mixed = GENERATE(false, true);
  Context ctx({}, DType::f64, 1);
  const auto task =
      make_task(ImageClassificationTaskConfig{.classes = 4, .double_smoothing = twice});
  Tensor outputs = upload(ctx, kLogits, {3, 4}), sums = upload(ctx, Array{10, 1}, {2}, DType::f64);
  task->add_score(ctx, outputs, mixed_batch(ctx, mixed), true, sums);
  double expected = 10;
  Array gradients;
  for (std::size_t row = 0; row < 3; ++row) {
    const Array logits(kLogits.begin() + static_cast<std::ptrdiff_t>(4 * row),
                       kLogits.begin() + static_cast<std::ptrdiff_t>(4 * row + 4));
    Array gradient;
    expected += soft_loss(logits, static_cast<std::size_t>(kTargets[row]),
                          static_cast<std::size_t>(mixed ? kPartners[row] : kTargets[row]),
                          mixed ? kShares[row] : 1, twice ? 0.19 : 0.1, gradient);
    gradients.insert(gradients.end(), gradient.begin(), gradient.end());
  }
  CHECK(download(sums)[0] == Approx(expected).epsilon(1e-12));
  CHECK(download(sums)[1] == 2);  // row 0 names class 2 and row 1 class 1; row 2 class 0
  check_close("gradient", outputs, gradients, kF64);
}

TEST_CASE("pictures: evaluation knows no smoothing", "[train][tasks][images]") {
  Context ctx({}, DType::f64, 1);
  const auto task = make_task(ImageClassificationTaskConfig{.classes = 4, .label_smoothing = 0.5});
  Tensor outputs = upload(ctx, kLogits, {3, 4}), sums = upload(ctx, Array{0, 0}, {2}, DType::f64);
  task->add_score(ctx, outputs, mixed_batch(ctx, false), false, sums);
  double expected = 0;
  Array unused;
  for (std::size_t row = 0; row < 3; ++row)
    expected += soft_loss({kLogits.begin() + static_cast<std::ptrdiff_t>(4 * row),
                           kLogits.begin() + static_cast<std::ptrdiff_t>(4 * row + 4)},
                          static_cast<std::size_t>(kTargets[row]), 9, 1, 0, unused);
  CHECK(download(sums)[0] == Approx(expected).epsilon(1e-12));
  check_equal("outputs that are to stay", download(outputs), kLogits);
}

TEST_CASE("pictures: top-5 counts the five likeliest classes", "[train][tasks][images]") {
  const std::shared_ptr<Memory> host = make_host_pool();
  data::Batch batch;
  batch.samples = 4;
  batch.targets = Tensor::empty({4}, DType::i32, host);
  const std::int32_t truth[] = {1, 6, 0, 6};
  std::copy_n(truth, 4, batch.targets.data<std::int32_t>());
  Context ctx({}, DType::f64, 1);
  const Array logits = {
      1, 9, 2, 3, 4, 5, 6,  // the truth comes first
      7, 6, 5, 4, 3, 2, 1,  // last
      2, 6, 5, 4, 3, 2, 1,  // fifth: of the two with logit 2 the first counts as larger
      9, 8, 7, 6, 5, 0, 5,  // sixth, for the same reason
  };
  ClassMetrics metrics(7, true);
  metrics.add(batch, upload(ctx, logits, {4, 7}));
  const Metrics values = metrics.values({});
  REQUIRE(values.size() == 3);
  CHECK(values[0] == std::pair{std::string("accuracy"), 0.25});
  CHECK(values[1] == std::pair{std::string("top5"), 0.5});
  CHECK(values[2] == std::pair{std::string("majority"), 0.5});
  CHECK(ClassMetrics(5, true).values({}).size() == 2);  // of five classes it would say nothing
}

TEST_CASE("pictures: logits that are no numbers are no hits", "[train][tasks][images]") {
  const double nan = std::nan("");
  struct Case {
    Array logits;
    double top5;
  };
  // The truth is class `truth`, at whatever place of the row the NaN are.
  const std::int32_t truth = GENERATE(0, 3, 6);
  const auto at = [&](std::int64_t i) { return static_cast<std::size_t>((truth + i) % 7); };
  const auto row = [&](double of_truth, std::initializer_list<double> others) {
    Array logits(7);
    logits[at(0)] = of_truth;
    std::int64_t i = 0;
    for (const double x : others) logits[at(++i)] = x;
    return logits;
  };
  const std::vector<Case> cases = {
      {row(nan, {nan, nan, nan, nan, nan, nan}), 0},
      {row(nan, {1, 2, 3, 4, 5, 6}), 0},
      {row(nan, {-INFINITY, -INFINITY, 3, 4, 5, 6}), 0},
      {row(9, {nan, nan, nan, nan, nan, nan}), 0},  // nothing says that it is the largest
      {row(9, {nan, nan, nan, nan, nan, 1}), 0},
      {row(9, {nan, nan, nan, nan, 0, 1}), 1},  // whatever the four are, it is among five
      {row(9, {nan, 1, 2, 3, 4, 5}), 1},
  };
  const std::shared_ptr<Memory> host = make_host_pool();
  data::Batch batch;
  batch.samples = 1;
  batch.targets = Tensor::empty({1}, DType::i32, host);
  *batch.targets.data<std::int32_t>() = truth;
  Context ctx({}, DType::f64, 1);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i << ", truth " << truth);
    ClassMetrics metrics(7, true);
    metrics.add(batch, upload(ctx, cases[i].logits, {1, 7}));
    const Metrics values = metrics.values({});
    CHECK(values[0].second == 0);
    CHECK(values[1].second == cases[i].top5);
  }
  ClassMetrics two(2);
  *batch.targets.data<std::int32_t>() = truth == 0 ? 0 : 1;
  two.add(batch, upload(ctx, Array{nan, nan}, {1, 2}));
  CHECK(two.values({})[0].second == 0);
}

TEST_CASE("pictures: a batch is handed on as it is", "[train][tasks][images]") {
  const auto task = make_task(ImageClassificationTaskConfig{.classes = 4});
  Context& ctx = test_context();
  const std::shared_ptr<Memory> host = make_host_pool();
  data::Batch batch;
  batch.samples = 2;
  batch.images = Tensor::empty({2, 4, 4, 3}, DType::f32, host);
  batch.targets = Tensor::empty({2}, DType::i32, host);
  batch.shares = Tensor::empty({2}, DType::f32, host);
  TaskBatch prepared = task->prepare(ctx, batch);
  CHECK(task->targets(batch) == 2);
  CHECK(prepared.input.images.raw() == batch.images.raw());
  CHECK(prepared.targets.raw() == batch.targets.raw());
  CHECK(prepared.shares.raw() == batch.shares.raw());
  CHECK(!prepared.partners.defined());
  CHECK(!prepared.input.ids.defined());
  CHECK(std::get<model::ClassifierHeadConfig>(task->head()).outputs == 4);
  CHECK(to_device(ctx, prepared).input.images.shape() == Shape{2, 4, 4, 3});
}
