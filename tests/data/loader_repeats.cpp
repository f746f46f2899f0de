#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "data/loader.h"
#include "data/permutation.h"
#include "tests/support/catch.h"

using namespace orchid;
using namespace orchid::data;

namespace {

/// Row: (index, draw). Counts its finished batches by their number.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  void item(std::int64_t index, std::uint64_t draw, Batch& batch, std::int64_t row) const override {
    std::int32_t* out = batch.inputs.data<std::int32_t>() + 2 * row;
    out[0] = static_cast<std::int32_t>(index), out[1] = static_cast<std::int32_t>(draw);
  }
  void finish(Batch& batch, std::uint64_t number) const override {
    batch.targets.data<std::int32_t>()[0] = static_cast<std::int32_t>(number);
  }
  Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    Batch batch;
    batch.inputs = Tensor::empty({rows, 2}, DType::i32, memory);
    batch.targets = Tensor::empty({1}, DType::i32, memory);
    return batch;
  }

 private:
  std::int64_t size_;
};

/// (index, draw)
using Sample = std::pair<std::int32_t, std::int32_t>;

std::vector<Sample> take(Loader& loader, std::int64_t batches, std::vector<int>* numbers = {}) {
  std::vector<Sample> all;
  for (std::int64_t i = 0; i < batches; ++i) {
    const Batch batch = loader.next_or_throw();
    const std::int32_t* row = batch.inputs.data<std::int32_t>();
    for (std::int64_t k = 0; k < batch.samples; ++k) all.push_back({row[2 * k], row[2 * k + 1]});
    if (numbers) numbers->push_back(batch.targets.data<std::int32_t>()[0]);
  }
  return all;
}

LoaderOptions repeated(std::int64_t global) {
  LoaderOptions options;
  options.global_batch = options.micro_batch = global;
  options.seed = 3;
  options.whole_epochs = true;
  options.threads = 0;
  options.repeats = 3;
  return options;
}

/// What the definition says, one virtual rank after another: the order of an epoch with each
/// sample three times, every eighth of it to a rank, each taking its share of a step.
std::vector<Sample> by_definition(std::int64_t size, std::int64_t global, std::int64_t step,
                                  std::int64_t epoch) {
  const Permutation order(size, 3, static_cast<std::uint64_t>(epoch));
  const std::int64_t total = size / 256 * 256;
  std::vector<Sample> batch;
  for (std::int64_t rank = 0; rank < 8; ++rank)
    for (std::int64_t i = 0; i < global / 8; ++i) {
      const std::int64_t at = (step * (global / 8) + i) * 8 + rank;
      if (at < total)
        batch.push_back({order(at / 3), static_cast<std::int32_t>(3 * epoch + at % 3)});
    }
  return batch;
}

}  // namespace

TEST_CASE("repeated augmentation of ImageNet makes 1251 steps of 1024", "[data][loader]") {
  const Numbers imagenet(1281167);
  Loader loader(imagenet, repeated(1024));
  CHECK(epoch_samples(1281167, 3) == 1281024);
  CHECK(loader.steps_per_epoch() == 1251);
  CHECK(loader.micro_batches(1250) == 1);
  CHECK(epoch_samples(1281167, 1) == 1281167);
  CHECK(epoch_samples(255, 3) == 255);
  std::map<std::int32_t, std::set<std::int32_t>> draws;
  int twice = 0;
  for (std::int64_t step = 0; step < 1251; ++step) {
    const std::vector<Sample> batch = take(loader, 1);
    REQUIRE(batch.size() == 1024);
    if (step < 3 || step == 1250) REQUIRE(batch == by_definition(1281167, 1024, step, 0));
    for (const auto& [index, draw] : batch) twice += !draws[index].insert(draw).second;
  }
  CHECK(twice == 0);
  CHECK(draws.size() == 1281024 / 3);  // each three times, all with other draws
  REQUIRE(take(loader, 1) == by_definition(1281167, 1024, 0, 1));
}

TEST_CASE("copies of a sample come to different virtual ranks", "[data][loader]") {
  const Numbers dataset(1000);  // 768 of an epoch: 6 steps
  LoaderOptions options = repeated(128);
  options.micro_batch = 16;  // one virtual rank
  Loader loader(dataset, options);
  CHECK(loader.steps_per_epoch() == 6);
  for (int batch = 0; batch < 96; ++batch) {
    std::set<std::int32_t> indices;
    for (const auto& [index, draw] : take(loader, 1)) indices.insert(index);
    CHECK(indices.size() == 16);
  }
}

TEST_CASE("repeated samples resume at any step, for any ranks and threads", "[data][loader]") {
  const Numbers dataset(600);  // 512 of an epoch: steps of 200, 200 and 112
  LoaderOptions options = repeated(200);
  Loader whole(dataset, options);
  std::vector<Sample> all = take(whole, 9);
  REQUIRE(all.size() == 3 * 512);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch)
    for (std::int64_t step = 0; step < 3; ++step) {
      const auto expected = by_definition(600, 200, step, epoch);
      const auto begin = all.begin() + 512 * epoch + 200 * step;
      CHECK(std::equal(expected.begin(), expected.end(), begin));
    }
  options.start_step = 4;
  options.threads = 3;
  Loader resumed(dataset, options);
  CHECK(take(resumed, 5) == std::vector<Sample>(all.begin() + 712, all.end()));
  options.world = 4;
  std::vector<Sample> together;
  for (options.rank = 0; options.rank < 4; ++options.rank) {
    Loader part(dataset, options);
    const auto samples = take(part, 1);
    together.insert(together.end(), samples.begin(), samples.end());
  }
  CHECK(together == std::vector<Sample>(all.begin() + 712, all.begin() + 912));
}

TEST_CASE("every batch is finished once, under a number of its own", "[data][loader]") {
  const Numbers dataset(30);
  LoaderOptions options = repeated(8);
  options.repeats = 1;
  options.micro_batch = 3;
  options.world = 2;
  std::vector<int> numbers;
  for (options.rank = 0; options.rank < 2; ++options.rank) {
    Loader loader(dataset, options);
    take(loader, 40, &numbers);
  }
  CHECK(std::set<int>(numbers.begin(), numbers.end()).size() == numbers.size());
  options.threads = 2;
  options.start_step = 1;
  options.rank = 0;
  Loader resumed(dataset, options);
  std::vector<int> again;
  take(resumed, 38, &again);
  CHECK(again == std::vector<int>(numbers.begin() + 2, numbers.begin() + 40));
}
