#include <functional>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/op_check.h"
#include "train/parallel/connect.h"
#include "train/parallel/data_parallel.h"
#include "train/parallel/gather.h"
#include "train/parallel/micro_batch_tree.h"

namespace orchid::test {
namespace {

using train::Bucket;

TEST_CASE("buckets cover every element once, the last first", "[parallel]") {
  const std::int64_t multiple = GENERATE(1, 16, 48);
  const std::int64_t total = multiple * GENERATE(1, 7, 100);
  const std::int64_t size = GENERATE(1, 50, 333, 100'000);
  std::int64_t end = total;
  for (const Bucket& bucket : train::cut_buckets(total, size, multiple)) {
    CHECK(bucket.offset + bucket.count == end);
    CHECK(bucket.count % multiple == 0);
    CHECK(bucket.count > 0);
    CHECK(bucket.count <= std::max(size, multiple));
    end = bucket.offset;
  }
  CHECK(end == 0);
}

TEST_CASE("shards of a bucket are equal and in the order of ranks", "[parallel]") {
  const Bucket bucket{96, 48};
  CHECK(train::shard_of(bucket, 0, 3) == Bucket{96, 16});
  CHECK(train::shard_of(bucket, 2, 3) == Bucket{128, 16});
  require_error([&] { train::shard_of(bucket, 0, 5); }, "48 elements for 5 ranks");
  require_error([&] { train::cut_buckets(50, 16, 16); }, "expected a multiple of 16");
}

TEST_CASE("a rank takes the GPU of its place, or the only one that it sees", "[parallel]") {
  train::Rendezvous place;
  place.world = 8;
  place.local_world = 4;
  place.local_rank = 2;
  CHECK(train::gpu_of_rank(place, 4) == 2);
  CHECK(train::gpu_of_rank(place, 8) == 2);
  CHECK(train::gpu_of_rank(place, 1) == 0);  // its launcher chose it: --gpus-per-task=1
  CHECK(train::gpu_of_rank(place, 2) == 2);  // too few: said where the device is opened
}

/// The sum of float numbers in pairs, as written in the header.
float in_pairs(const std::vector<float>& values, std::size_t begin, std::size_t end) {
  if (end - begin == 1) return values[begin];
  std::size_t half = 1;
  while (2 * half < end - begin) half *= 2;
  return in_pairs(values, begin, begin + half) + in_pairs(values, begin + half, end);
}

TEST_CASE("micro-batches are added in pairs, to the bit", "[parallel]") {
  const std::int64_t count = GENERATE(range(1, 18));
  Context ctx({}, DType::f32, 1);  // the fixed order is the CPU's
  const Array values = random_array(count, 3);
  std::vector<float> numbers;
  for (const double value : values) numbers.push_back(static_cast<float>(1e3 * value));
  train::MicroBatchTree tree;
  Tensor gradients = filled(ctx, {2}, 0), score = upload(ctx, Array{0}, {1}, DType::f64);
  for (int round = 0; round < 2; ++round) {  // a finished tree is empty
    for (const float number : numbers) {
      gradients.data<float>()[0] = number;
      gradients.data<float>()[1] = -number;
      *score.data<double>() = 1;
      tree.add(ctx, gradients, score);
    }
    tree.finish(ctx, gradients, score);
    const float expected = in_pairs(numbers, 0, numbers.size());
    CHECK(gradients.data<float>()[0] == expected);
    CHECK(gradients.data<float>()[1] == -expected);
    CHECK(*score.data<double>() == static_cast<double>(count));
  }
}

/// Runs `body` as each of `world` ranks, threads of this process, and returns what it says.
std::vector<std::string> as_ranks(int world,
                                  const std::function<std::string(train::Communicator&)>& body) {
  auto ranks = train::make_threads(world, {.deadline_s = 20});
  std::vector<std::string> said(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    threads.emplace_back([&, r] {
      try {
        said[r] = body(*ranks[r]);
      } catch (const std::exception& error) {
        said[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return said;
}

/// A step of three blocks: what is wrong with it, or nothing.
std::string step_of(train::Communicator& comm, const train::ParallelConfig& config) {
  constexpr std::int64_t kCount = 288;
  Context ctx({}, DType::f32, 1);
  train::Arenas arenas{ctx.zeros({kCount}, DType::f32), ctx.zeros({kCount}, DType::f32), {}};
  arenas.buckets = train::cut_buckets(kCount, 64, 16 * comm.world());
  arenas.blocks = {16, 96, 208};
  float* const gradients = arenas.gradients.data<float>();
  float* const values = arenas.values.data<float>();
  train::DataParallel parallel(ctx, comm, config, arenas);
  const auto world = static_cast<float>(comm.world()), rank = static_cast<float>(comm.rank());
  for (int step = 0; step < 2; ++step) {
    for (std::int64_t i = 0; i < kCount; ++i)
      gradients[i] = static_cast<float>(i % 32 + step) * (rank + 1);
    parallel.begin_forward();
    for (const std::int64_t block : {0, 1, 2}) parallel.forward_reaches(block);
    parallel.begin_gradients();
    for (const std::int64_t block : {2, 1, 0}) parallel.backward_leaves(block);
    Tensor score = ctx.zeros({2}, DType::f64);
    score.data<double>()[1] = comm.rank();
    parallel.finish_gradients(score);
    if (score.data<double>()[1] != world * (world - 1) / 2) return "score";
    for (const Bucket& bucket : arenas.buckets) {
      const Bucket mine =
          config.shard_optimizer ? train::shard_of(bucket, comm.rank(), comm.world()) : bucket;
      for (std::int64_t i = mine.offset; i < mine.offset + mine.count; ++i) {
        if (gradients[i] != static_cast<float>(i % 32 + step) * world * (world + 1) / 2)
          return str("gradient ", i, " of step ", step, ": ", gradients[i]);
        values[i] += gradients[i];
      }
    }
    parallel.begin_values();
  }
  parallel.finish_values();
  for (std::int64_t i = 0; i < kCount; ++i)
    if (values[i] != static_cast<float>(2 * (i % 32) + 1) * world * (world + 1) / 2)
      return str("value ", i, ": ", values[i]);
  return {};
}

TEST_CASE("ranks end a step with the same values, sharded or not", "[parallel]") {
  train::ParallelConfig config;
  config.shard_optimizer = GENERATE(false, true);
  config.gradients = GENERATE(train::GradientType::f32, train::GradientType::bf16);
  const int world = GENERATE(2, 3);
  for (const std::string& wrong :
       as_ranks(world, [&](train::Communicator& comm) { return step_of(comm, config); }))
    CHECK(wrong == "");
}

TEST_CASE("ranks gather numbers of any count, share a text and compare", "[parallel]") {
  const int world = GENERATE(1, 2, 3);
  const std::string text = GENERATE(std::string(), std::string("runs/a b\xc3\xa9"));
  const auto body = [&](train::Communicator& comm) -> std::string {
    std::vector<double> mine;
    for (int i = 0; i < comm.rank(); ++i) mine.push_back(comm.rank() + 0.5 * i);
    const auto all = train::gather(comm, mine, "numbers");
    for (int r = 0; r < world; ++r)
      if (std::ssize(all[static_cast<std::size_t>(r)]) != r) return str("of rank ", r);
    if (world == 3 && all[2] != std::vector<double>{2, 2.5}) return "values";
    if (train::share_text(comm, comm.rank() == 0 ? text : "other", "text") != text) return "text";
    if (!train::same_on_all(comm, ~std::uint64_t{0}, "same")) return "same numbers differ";
    const auto last = static_cast<std::uint64_t>(comm.rank() == world - 1 ? 2 : 4);
    if (world > 1 && train::same_on_all(comm, last, "other")) return "other numbers are the same";
    return {};
  };
  for (const std::string& wrong : as_ranks(world, body)) CHECK(wrong == "");
}

}  // namespace
}  // namespace orchid::test
