#include "data/loader.h"

#include <stdexcept>
#include <vector>

#include "kernels/core/error.h"
#include "tests/data/fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

/// Row i of length 3 holds (i, draw, i + draw); every sample whose number is even has a target in
/// its last position. Lengths are 1 + i % 3. Sample `bad` throws.
class CountingDataset : public Dataset {
 public:
  explicit CountingDataset(std::int64_t size, std::int64_t bad = -1) : size_(size), bad_(bad) {}
  std::int64_t size() const override { return size_; }
  void item(std::int64_t index, std::uint64_t draw, Batch& batch, std::int64_t row) const override {
    if (index == bad_) throw std::runtime_error("sample is bad");
    const auto i = static_cast<std::int32_t>(index), d = static_cast<std::int32_t>(draw);
    std::int32_t* ids = batch.inputs.data<std::int32_t>() + 3 * row;
    std::int32_t* labels = batch.labels.data<std::int32_t>() + 3 * row;
    ids[0] = i, ids[1] = d, ids[2] = i + d;
    labels[0] = labels[1] = -1;
    labels[2] = i % 2 == 0 ? i : -1;
    batch.lengths.data<std::int32_t>()[row] = 1 + i % 3;
  }
  Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    Batch batch;
    batch.inputs = Tensor::empty({rows, 3}, DType::i32, memory);
    batch.labels = Tensor::empty({rows, 3}, DType::i32, memory);
    batch.lengths = Tensor::empty({rows}, DType::i32, memory);
    return batch;
  }

 private:
  std::int64_t size_, bad_;
};

Ids values(const Tensor& tensor) {
  const std::int32_t* data = tensor.data<std::int32_t>();
  return Ids(data, data + tensor.count());
}

/// Sample numbers of the next `batches` batches in order, as index + 1000 * epoch.
Ids samples(Loader& loader, std::int64_t batches) {
  Ids all;
  for (std::int64_t i = 0; i < batches; ++i) {
    const std::optional<Batch> batch = loader.next();
    if (!batch) break;
    const Ids ids = values(batch->inputs);
    for (std::size_t row = 0; row < ids.size(); row += 3)
      all.push_back(ids[row] + 1000 * ids[row + 1]);
  }
  return all;
}

LoaderOptions training(std::int64_t micro, std::int64_t global, int threads = 2) {
  LoaderOptions options;
  options.micro_batch = micro;
  options.global_batch = global;
  options.threads = threads;
  options.seed = 5;
  return options;
}

}  // namespace

TEST_CASE("each epoch of a loader holds every sample once, in a new order", "[data][loader]") {
  const CountingDataset dataset(50);
  Loader loader(dataset, training(10, 10));
  CHECK(loader.steps_per_epoch() == 5);
  Ids first = samples(loader, 5), second = samples(loader, 5);
  Ids in_order;
  for (std::int32_t i = 0; i < 50; ++i) in_order.push_back(i);
  CHECK(first != in_order);
  for (std::int32_t& sample : second) sample -= 1000;  // all of epoch 1
  CHECK(first != second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  CHECK(first == in_order);
  CHECK(second == in_order);
}

TEST_CASE("the order does not depend on the number of threads", "[data][loader]") {
  const CountingDataset dataset(37);
  Loader alone(dataset, training(4, 8, 0));
  const Ids expected = samples(alone, 60);
  CHECK(expected.size() == 240);
  for (const int threads : {1, 2, 5}) {
    LoaderOptions options = training(4, 8, threads);
    options.prefetch = threads == 2 ? 1 : 6;
    Loader loader(dataset, options);
    CHECK(samples(loader, 60) == expected);
  }
}

TEST_CASE("resuming at step k gives what skipping k steps gives", "[data][loader]") {
  const CountingDataset dataset(37);
  for (const std::int64_t step : {1, 4, 5, 23}) {
    Loader whole(dataset, training(3, 8));
    const std::int64_t each = whole.micro_batches(0);
    CHECK(each == 3);  // 3 + 3 + 2
    samples(whole, step * each);
    LoaderOptions options = training(3, 8);
    options.start_step = step;
    Loader resumed(dataset, options);
    CHECK(samples(resumed, 7) == samples(whole, 7));
  }
}

TEST_CASE("ranks together take the samples of a step that one rank takes", "[data][loader]") {
  const CountingDataset dataset(37);
  for (const int world : {2, 3, 5}) {
    LoaderOptions options = training(4, 12);
    options.world = world;
    std::vector<std::unique_ptr<Loader>> ranks;
    for (options.rank = 0; options.rank < world; ++options.rank)
      ranks.push_back(std::make_unique<Loader>(dataset, options));
    LoaderOptions one = training(12, 12, 0);
    Loader reference(dataset, one);
    for (std::int64_t step = 0; step < 9; ++step) {
      Ids together;
      for (const auto& rank : ranks) {
        const Ids part = samples(*rank, rank->micro_batches(step));
        together.insert(together.end(), part.begin(), part.end());
      }
      CHECK(together == samples(reference, 1));
    }
  }
}

TEST_CASE("whole epochs end with a smaller step and hold every sample once", "[data][loader]") {
  for (const std::int64_t size : {1, 7, 8, 9, 23, 24}) {
    INFO("size " << size);
    const CountingDataset dataset(size);
    LoaderOptions options = training(3, 8);
    options.whole_epochs = true;
    Loader loader(dataset, options);
    const std::int64_t steps = (size + 7) / 8;
    CHECK(loader.steps_per_epoch() == steps);
    Ids orders[3];
    for (std::int32_t epoch = 0; epoch < 3; ++epoch) {
      Ids& order = orders[epoch];
      for (std::int64_t step = 0; step < steps; ++step) {
        const std::int64_t number = epoch * steps + step;
        const std::int64_t expected = step + 1 < steps ? 8 : size - 8 * (steps - 1);
        CHECK(loader.micro_batches(number) == (expected + 2) / 3);
        const Ids part = samples(loader, loader.micro_batches(number));
        CHECK(std::ssize(part) == expected);
        for (const std::int32_t sample : part) order.push_back(sample - 1000 * epoch);
      }
    }
    if (size > 4) CHECK(orders[0] != orders[1]);
    for (Ids& order : orders) {
      std::sort(order.begin(), order.end());
      for (std::int32_t i = 0; i < size; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
    }
  }
}

TEST_CASE("whole epochs without a shuffle come in order, batch by batch", "[data][loader]") {
  const CountingDataset dataset(7);
  LoaderOptions options = training(2, 5, 0);
  options.whole_epochs = true;
  options.shuffle = false;
  Loader loader(dataset, options);
  const std::vector<Ids> expected{{0, 1}, {2, 3}, {4}, {5, 6}, {1000, 1001}};
  for (const Ids& batch : expected) CHECK(samples(loader, 1) == batch);
}

TEST_CASE("whole epochs resume at any step, for any number of threads", "[data][loader]") {
  const CountingDataset dataset(19);
  LoaderOptions options = training(3, 8, 0);
  options.whole_epochs = true;  // steps of 8, 8 and 3 samples: 3, 3 and 1 micro-batches
  Loader whole(dataset, options);
  const Ids all = samples(whole, 28);  // 4 epochs
  REQUIRE(all.size() == 76);
  for (std::int64_t step = 0; step < 9; ++step) {
    const std::int64_t before = step / 3 * 19 + step % 3 * 8;
    for (const int threads : {0, 3}) {
      INFO("from step " << step << " with " << threads << " threads");
      options.start_step = step;
      options.threads = threads;
      Loader resumed(dataset, options);
      const Ids rest = samples(resumed, 7);  // one epoch's worth
      CHECK(rest == Ids(all.begin() + before, all.begin() + before + 19));
    }
  }
}

TEST_CASE("ranks together take the samples of each step of whole epochs", "[data][loader]") {
  const CountingDataset dataset(22);
  LoaderOptions options = training(2, 10);
  options.whole_epochs = true;  // steps of 10, 10 and 2: in the last some ranks have no share
  LoaderOptions one = options;
  one.micro_batch = 10;
  for (const int world : {2, 3, 5}) {
    options.world = world;
    std::vector<std::unique_ptr<Loader>> ranks;
    for (options.rank = 0; options.rank < world; ++options.rank)
      ranks.push_back(std::make_unique<Loader>(dataset, options));
    Loader reference(dataset, one);
    for (std::int64_t step = 0; step < 9; ++step) {
      INFO("step " << step << " of " << world << " ranks");
      Ids together;
      for (const auto& rank : ranks) {
        const Ids part = samples(*rank, rank->micro_batches(step));
        together.insert(together.end(), part.begin(), part.end());
      }
      CHECK(std::ssize(together) == (step % 3 == 2 ? 2 : 10));
      CHECK(together == samples(reference, 1));
    }
  }
}

TEST_CASE("labels become positions and targets", "[data][loader]") {
  const CountingDataset dataset(5);
  Loader loader(dataset, evaluation_options(4));
  const Batch batch = loader.next_or_throw();
  CHECK(batch.samples == 4);
  CHECK(batch.tokens == 1 + 2 + 3 + 1);
  CHECK(values(batch.positions) == Ids{2, 8});
  CHECK(values(batch.targets) == Ids{0, 2});
  CHECK_FALSE(batch.labels.defined());
  CHECK(values(batch.inputs) == Ids{0, 0, 0, 1, 0, 1, 2, 0, 2, 3, 0, 3});
}

TEST_CASE("a batch without targets has empty positions", "[data][loader]") {
  const CountingDataset dataset(2);
  Loader loader(dataset, evaluation_options(1));
  loader.next_or_throw();
  const Batch batch = loader.next_or_throw();
  CHECK(batch.positions.count() == 0);
  CHECK(batch.targets.count() == 0);
  CHECK(batch.targets.defined());
}

TEST_CASE("an evaluation is one pass in order, the last batch partial", "[data][loader]") {
  for (const std::int64_t size : {1, 4, 10, 11, 12, 13}) {
    const CountingDataset dataset(size);
    Ids expected;
    for (std::int32_t i = 0; i < size; ++i) expected.push_back(i);
    for (const int threads : {0, 1, 3}) {
      LoaderOptions options = evaluation_options(4);
      options.threads = threads;
      Loader loader(dataset, options);
      CHECK(samples(loader, 100) == expected);
      CHECK_FALSE(loader.next());
      CHECK_FALSE(loader.next());
      CHECK_THROWS_AS(loader.next_or_throw(), Error);
    }
    for (const int world : {2, 3}) {
      Ids together;
      for (int rank = 0; rank < world; ++rank) {
        Loader loader(dataset, evaluation_options(4, rank, world));
        const Ids part = samples(loader, 100);
        together.insert(together.end(), part.begin(), part.end());
      }
      std::sort(together.begin(), together.end());
      CHECK(together == expected);
    }
  }
}

TEST_CASE("what goes wrong in a worker is thrown by next, in its place", "[data][loader]") {
  const CountingDataset dataset(40, 21);
  for (const int threads : {0, 1, 4}) {
    LoaderOptions options = evaluation_options(2);
    options.threads = threads;
    Loader loader(dataset, options);
    CHECK(samples(loader, 10).size() == 20);  // those before come all
    for (int again = 0; again < 2; ++again) {
      require_error(ErrorKind::failure, {"loading step 10", "micro-batch 0", "sample is bad"},
                    [&] { loader.next(); });
    }
  }
}

TEST_CASE("a loader can be dropped at any time", "[data][loader]") {
  const CountingDataset dataset(100);
  for (int taken = 0; taken < 8; ++taken) {
    Loader loader(dataset, training(2, 4, 3));
    samples(loader, taken);
  }
  SUCCEED();
}

TEST_CASE("loader options that make no sense are usage errors", "[data][loader]") {
  const CountingDataset dataset(10);
  const auto refuse = [&](const std::string& word, auto&& change) {
    LoaderOptions options = training(2, 4);
    change(options);
    require_error(ErrorKind::usage, {word}, [&] { Loader(dataset, options); });
  };
  refuse("micro_batch", [](LoaderOptions& o) { o.micro_batch = 0; });
  refuse("global_batch", [](LoaderOptions& o) { o.world = 5; });
  refuse("rank 2 of 2", [](LoaderOptions& o) { o.world = 2, o.rank = 2; });
  refuse("prefetch", [](LoaderOptions& o) { o.prefetch = 0; });
  refuse("start_step", [](LoaderOptions& o) { o.start_step = -1; });
  const CountingDataset empty(0);
  require_error(ErrorKind::input_data, {"empty"}, [&] { Loader(empty, training(2, 4)); });
}
