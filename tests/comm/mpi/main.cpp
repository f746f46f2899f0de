// Run by mpirun: every rank is a process. Catch2 has no part in it: a rank that fails a check would
// leave the others waiting.
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

#include "tests/comm/suite.h"
#include "train/comm/backends.h"

using namespace orchid;
using namespace orchid::test;
using train::Communicator;
using train::Reduce;

namespace {

void expect(Faults& faults, const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos)
    faults.push_back(str("expected an error with '", part, "', got ", text));
}

/// 20 MiB of float32, more than one exchange.
Faults check_large(Communicator& comm, Context& ctx) {
  const std::int64_t count = (5 << 20) + 3;
  Faults faults;
  Tensor tensor = ctx.empty({count}, DType::f32);
  for (std::int64_t i = 0; i < count; ++i)
    tensor.data<float>()[i] = static_cast<float>((i + comm.rank()) % 1000);
  comm.all_reduce(ctx, tensor, Reduce::sum, "large");
  for (std::int64_t i = 0; i < count; ++i) {
    float expected = 0;
    for (int r = 0; r < comm.world(); ++r) expected += static_cast<float>((i + r) % 1000);
    if (tensor.data<float>()[i] == expected) continue;
    faults.push_back(
        str("large: element ", i, ": expected ", expected, ", got ", tensor.data<float>()[i]));
    break;
  }
  return faults;
}

Faults check_mismatch(Communicator& comm, Context& ctx) {
  Faults faults;
  const int last = comm.world() - 1;
  Tensor tensor = ctx.zeros({comm.rank() == last ? 6 : 5}, DType::f32);
  const std::string text = error_of([&] { comm.all_reduce(ctx, tensor, Reduce::sum, "loss"); });
  // Whoever sees it first tells the others, in its own words.
  expect(faults, text, " is at all_reduce 'loss' (");
  return faults;
}

Faults check_deadline(Communicator& comm, Context&) {
  Faults faults;
  if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  // The late rank may find what the others had sent; its next call fails.
  const std::string text = error_of([&] {
    comm.barrier("meeting");
    comm.barrier("next");
  });
  expect(faults, text, "barrier 'meeting': not done within 0.5 s, missing rank 1");
  return faults;
}

}  // namespace

int main() {
  try {
    const auto session = train::make_mpi();
    Context ctx({}, DType::f32, 1);
    int failed = 0;
    const auto run = [&](const char* name, double deadline_s, const auto& check) {
      const auto comm = train::make_mpi({deadline_s});
      const Faults faults = check(*comm, ctx);
      if (!faults.empty()) ++failed;
      if (!faults.empty())
        std::printf("rank %d: %s:\n%s", comm->rank(), name, joined(faults).c_str());
      session->barrier(name);
    };
    run("collectives", 60, check_collectives);
    run("refusals", 60, check_refusals);
    run("large", 60, check_large);
    run("giving up", 60, check_giving_up);
    if (session->world() > 1) run("mismatch", 60, check_mismatch);
    if (session->world() > 1) run("deadline", 0.5, check_deadline);
    if (session->rank() == 0 && failed == 0)
      std::printf("%d ranks of MPI passed the suite\n", session->world());
    return failed > 0 ? 1 : 0;
  } catch (const Error& error) {
    std::printf("error: %s\n", error.what());
    return 1;
  }
}
