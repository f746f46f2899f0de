#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "kernels/core/cuda_part.h"
#include "tests/comm/suite.h"
#include "tests/support/catch.h"
#include "train/comm/backends.h"

using namespace orchid;
using namespace orchid::test;
using train::Communicator;
using train::Reduce;

namespace {

/// To the end of the process, when CUDA's libraries may be gone before static objects.
Context& gpu() {
  static auto& ctx = *new Context({DeviceType::cuda, 0});
  return ctx;
}

std::unique_ptr<Communicator> one_rank(double deadline_s = 60) {
  return train::make_nccl({.memory = gpu().memory(), .options = {deadline_s}});
}

class MapStore final : public train::Store {
 public:
  void set(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    values_[key] = value;
  }
  std::optional<std::string> get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

/// Half a second of copies on the context's stream.
void keep_busy() {
  const std::int64_t half = 1 << 24;
  const Tensor all = gpu().zeros({2 * half}, DType::f32);
  const Tensor from = all.slice(0, {half});
  Tensor to = all.slice(half, {half});
  for (int i = 0; i < 10000; ++i) copy(from, to);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("NCCL with one rank passes the suite of communicators", "[comm][nccl]") {
  const auto comm = one_rank();
  CHECK(std::string(comm->backend()) == "nccl");
  CHECK(joined(check_collectives(*comm, gpu())) == "");
  CHECK(joined(check_refusals(*comm, gpu())) == "");
  comm->check();
}

TEST_CASE("one rank alone passes the suite of communicators on a GPU", "[comm][nccl]") {
  const auto comm = train::make_single();
  CHECK(joined(check_collectives(*comm, gpu())) == "");
}

TEST_CASE("NCCL ends and begins again in one process", "[comm][nccl]") {
  for (int i = 0; i < 3; ++i) {
    const auto comm = one_rank();
    std::vector<double> values = {1.5, -2};
    comm->reduce(values, Reduce::sum, "again");
    CHECK(values == std::vector<double>{1.5, -2});
  }
}

TEST_CASE("a rank that gives up aborts its NCCL communicator", "[comm][nccl]") {
  const auto comm = one_rank();
  CHECK(joined(check_giving_up(*comm, gpu())) == "");
}

TEST_CASE("what waits behind other work of the device is not late", "[comm][nccl]") {
  const auto comm = one_rank(0.1);
  Tensor tensor = gpu().zeros({1000}, DType::f32);
  const auto begin = std::chrono::steady_clock::now();
  keep_busy();
  comm->all_reduce(gpu(), tensor, Reduce::sum, "late");
  gpu().memory()->synchronize();
  INFO(seconds_since(begin) << " s");
  CHECK(seconds_since(begin) > 0.1);
  comm->check();
}

TEST_CASE("a collective that begins ahead does not wait for later work", "[comm][nccl]") {
  const auto comm = one_rank();
  gpu().memory()->synchronize();
  Tensor tensor = gpu().zeros({1000}, DType::f32);
  comm->barrier("warm");
  const auto ticket = comm->begin_all_reduce(gpu(), tensor, Reduce::sum, "ahead");
  keep_busy();
  const auto begin = std::chrono::steady_clock::now();
  comm->barrier("on the communicator's stream");  // after the collective, beside the copies
  const double meeting = seconds_since(begin);
  gpu().memory()->synchronize();
  INFO(meeting << " s of " << seconds_since(begin));
  CHECK(meeting < 0.5 * seconds_since(begin));
  comm->wait(gpu(), ticket);
}

TEST_CASE("work is recorded while the communicator is watched", "[comm][nccl]") {
  const auto comm = one_rank();
  Tensor from = gpu().zeros({1000}, DType::f32), to = gpu().zeros({1000}, DType::f32);
  set_values(from, std::vector<double>(1000, 3));
  Tensor reduced = gpu().zeros({1000}, DType::f32);
  keep_busy();
  const auto ticket = comm->begin_all_reduce(gpu(), reduced, Reduce::sum, "behind the copies");
  const auto recorded = record_cuda_work(gpu(), [&] {
    copy(from, to);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  });
  recorded->replay();
  comm->wait(gpu(), ticket);
  CHECK(values_of(to) == std::vector<double>(1000, 3));
  comm->check();
}

TEST_CASE("ranks that do not join are an error at the deadline", "[comm][nccl]") {
  const auto begin = std::chrono::steady_clock::now();
  std::string text;
  try {
    train::make_nccl({.rank = 0,
                      .world = 2,
                      .memory = gpu().memory(),
                      .store = std::make_shared<MapStore>(),
                      .options = {3}});
  } catch (const Error& error) {
    text = error.what();
  }
  INFO(text);
  CHECK(text.find("rank 0 of 2 on cuda:0: meeting the other ranks: not done within 3 s") !=
        std::string::npos);
  CHECK(seconds_since(begin) < 30);
}

TEST_CASE("a rank waits for NCCL's id no longer than the deadline", "[comm][nccl]") {
  std::string text;
  try {
    train::make_nccl({.rank = 1,
                      .world = 2,
                      .memory = gpu().memory(),
                      .store = std::make_shared<MapStore>(),
                      .options = {0.2}});
  } catch (const Error& error) {
    text = error.what();
  }
  INFO(text);
  CHECK(text.find("NCCL's id of rank 0: not there within 0.2 s") != std::string::npos);
}
