#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include "tests/comm/suite.h"
#include "tests/support/catch.h"
#include "train/comm/backends.h"

using namespace orchid;
using namespace orchid::test;
using train::Communicator;
using train::Reduce;

namespace {

using Body = std::function<Faults(Communicator&, Context&)>;

/// `body` in a thread a rank; what all of them found wrong, uncaught errors included.
Faults run_ranks(int world, const train::CommOptions& options, const Body& body) {
  auto ranks = train::make_threads(world, options);
  std::vector<Faults> found(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    threads.emplace_back([&, r] {
      const auto comm = std::move(ranks[r]);
      Context ctx({}, DType::f32, 1);
      try {
        found[r] = body(*comm, ctx);
      } catch (const Error& error) {
        found[r].push_back(error.what());
      }
    });
  for (std::thread& thread : threads) thread.join();
  Faults all;
  for (const Faults& faults : found) all.insert(all.end(), faults.begin(), faults.end());
  return all;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The sum that every rank must come to, as the contract has it, in the type itself.
template <class T>
T pairwise(const std::vector<T>& parts, std::size_t first, std::size_t last) {
  if (last - first == 1) return parts[first];
  std::size_t half = 1;
  while (2 * half < last - first) half *= 2;
  return pairwise(parts, first, first + half) + pairwise(parts, first + half, last);
}

}  // namespace

TEST_CASE("one rank alone passes the suite of communicators", "[comm]") {
  const auto comm = train::make_single();
  Context ctx({}, DType::f32, 1);
  CHECK(joined(check_collectives(*comm, ctx)) == "");
  CHECK(joined(check_refusals(*comm, ctx)) == "");
  CHECK(comm->use().calls > 0);
}

TEST_CASE("ranks as threads pass the suite of communicators", "[comm]") {
  const int world = GENERATE(1, 2, 3, 4, 5);
  if (kSanitized && world > 3) return;
  INFO("ranks " << world);
  CHECK(joined(run_ranks(world, {60}, [](Communicator& comm, Context& ctx) {
          Faults faults = check_collectives(comm, ctx);
          const Faults more = check_refusals(comm, ctx);
          faults.insert(faults.end(), more.begin(), more.end());
          return faults;
        })) == "");
}

TEST_CASE("sums of ranks are a pairwise tree, of the same bits on all of them", "[comm]") {
  const int world = GENERATE(2, 3, 4, 5, 7);
  INFO("ranks " << world);
  // Below and above the size from which ranks share the work.
  const std::int64_t count = GENERATE(33, 20001);
  const auto value = [](int rank, std::int64_t i) {
    return 0.1f * static_cast<float>((i * 37 + rank * 101) % 1009) +
           1e-3f / static_cast<float>(1 + rank);
  };
  CHECK(joined(run_ranks(world, {60}, [&](Communicator& comm, Context& ctx) {
          Faults faults;
          Tensor sums = ctx.empty({count}, DType::f32), halves = ctx.empty({count}, DType::bf16);
          for (std::int64_t i = 0; i < count; ++i) {
            sums.data<float>()[i] = value(comm.rank(), i);
            halves.data<Bfloat16>()[i] = Bfloat16(value(comm.rank(), i));
          }
          comm.all_reduce(ctx, sums, Reduce::sum, "f32");
          comm.all_reduce(ctx, halves, Reduce::sum, "bf16");
          for (std::int64_t i = 0; i < count; ++i) {
            std::vector<float> parts, rounded;
            for (int r = 0; r < world; ++r) {
              parts.push_back(value(r, i));
              rounded.push_back(Bfloat16(value(r, i)));
            }
            const float expected = pairwise(parts, 0, parts.size());
            // Rounded to bf16 once, after all were added.
            const float half = Bfloat16(pairwise(rounded, 0, rounded.size()));
            if (sums.data<float>()[i] != expected || halves.data<Bfloat16>()[i] != half) {
              faults.push_back(str("element ", i, ": expected ", expected, " and ", half, ", got ",
                                   sums.data<float>()[i], " and ",
                                   float{halves.data<Bfloat16>()[i]}));
              break;
            }
          }
          return faults;
        })) == "");
}

TEST_CASE("operands larger than one exchange are cut without a seam", "[comm]") {
  if (kSanitized) return;
  const std::int64_t count = (5 << 20) + 3;  // 20 MiB of float32: more than one of 16
  CHECK(joined(run_ranks(3, {60}, [&](Communicator& comm, Context& ctx) {
          const auto fill = [&](Tensor& tensor, int rank) {
            for (std::int64_t i = 0; i < tensor.count(); ++i)
              tensor.data<float>()[i] = static_cast<float>((i + rank) % 1000);
          };
          const auto sum = [](std::int64_t i) {
            return static_cast<float>(i % 1000 + (i + 1) % 1000 + (i + 2) % 1000);
          };
          Faults faults;
          Tensor whole = ctx.empty({3 * count}, DType::f32), part = ctx.empty({count}, DType::f32);
          fill(whole, comm.rank());
          comm.reduce_scatter(ctx, whole, part, Reduce::sum, "large");
          for (std::int64_t i = 0; i < count && faults.empty(); ++i)
            if (part.data<float>()[i] != sum(comm.rank() * count + i))
              faults.push_back(str("reduce_scatter: element ", i));
          comm.all_gather(ctx, part, whole, "large");
          for (std::int64_t i = 0; i < 3 * count && faults.empty(); ++i)
            if (whole.data<float>()[i] != sum(i)) faults.push_back(str("all_gather: element ", i));
          fill(part, comm.rank());
          comm.all_reduce(ctx, part, Reduce::sum, "large");
          for (std::int64_t i = 0; i < count && faults.empty(); ++i)
            if (part.data<float>()[i] != sum(i)) faults.push_back(str("all_reduce: element ", i));
          fill(part, comm.rank());
          comm.broadcast(ctx, part, 2, "large");
          for (std::int64_t i = 0; i < count && faults.empty(); ++i)
            if (part.data<float>()[i] != static_cast<float>((i + 2) % 1000))
              faults.push_back(str("broadcast: element ", i));
          return faults;
        })) == "");
}

TEST_CASE("a rank that gives up is named by all others at once", "[comm]") {
  const int world = GENERATE(2, 3, 5);
  std::string wrong;
  const double seconds =
      seconds_of([&] { wrong = joined(run_ranks(world, {60}, check_giving_up)); });
  CHECK(wrong == "");
  CHECK(seconds < 30);
}

TEST_CASE("a rank that leaves is named without waiting for the deadline", "[comm]") {
  CHECK(joined(run_ranks(3, {60}, [](Communicator& comm, Context&) {
          Faults faults;
          if (comm.rank() == 1) return faults;  // its communicator ends with it
          const std::string text = error_of([&] { comm.barrier("end"); });
          if (!contains(text, "rank 1 has left") || !contains(text, "barrier 'end'"))
            faults.push_back(text);
          return faults;
        })) == "");
}

TEST_CASE("a rank that does not come is named at the deadline", "[comm]") {
  CHECK(joined(run_ranks(4, {0.3}, [](Communicator& comm, Context&) {
          comm.set_step(7);
          Faults faults;
          if (comm.rank() == 2) std::this_thread::sleep_for(std::chrono::seconds(1));
          const std::string text = error_of([&] { comm.barrier("meeting"); });
          if (!contains(text, "missing rank 2") || !contains(text, "step 7: barrier 'meeting'"))
            faults.push_back(str("rank ", comm.rank(), ": ", text));
          return faults;
        })) == "");
}

TEST_CASE("ranks that make different calls are told apart", "[comm]") {
  CHECK(joined(run_ranks(3, {60}, [](Communicator& comm, Context& ctx) {
          Tensor tensor = ctx.zeros({comm.rank() == 2 ? 6 : 5}, DType::f32);
          const std::string text =
              error_of([&] { comm.all_reduce(ctx, tensor, Reduce::sum, "loss"); });
          Faults faults;
          if (!contains(text, comm.rank() == 2 ? "is at all_reduce 'loss' (5 f32, sum)"
                                               : "rank 2 is at all_reduce 'loss' (6 f32, sum)"))
            faults.push_back(text);
          return faults;
        })) == "");
}

TEST_CASE("sums of whole numbers wrap and NaN is the largest number", "[comm]") {
  CHECK(joined(run_ranks(2, {60}, [](Communicator& comm, Context& ctx) {
          Faults faults;
          Tensor whole = ctx.empty({1}, DType::i32), real = ctx.empty({2}, DType::f32);
          whole.data<std::int32_t>()[0] = 2147483647;
          for (int i = 0; i < 2; ++i)
            real.data<float>()[i] = i == comm.rank() ? std::nanf("") : 1.0f;
          comm.all_reduce(ctx, whole, Reduce::sum, "wrap");
          comm.all_reduce(ctx, real, Reduce::max, "nan");
          if (whole.data<std::int32_t>()[0] != -2) faults.push_back("no wrap");
          for (int i = 0; i < 2; ++i)
            if (!std::isnan(real.data<float>()[i])) faults.push_back("NaN was lost");
          return faults;
        })) == "");
}

TEST_CASE("what NCCL lacks on this machine is said", "[comm]") {
  const std::string text = error_of([] { train::make_nccl({.memory = make_host_pool()}); });
  INFO(text);
  CHECK((contains(text, "nccl.so") || contains(text, "expected memory of a GPU, got cpu")));
}
