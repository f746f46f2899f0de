#include "kernels/core/tensor.h"

#include <thread>

#include "kernels/core/context.h"
#include "kernels/core/enum_names.h"
#include "kernels/core/operands.h"
#include "kernels/core/run.h"
#include "tests/support/op_check.h"

using namespace orchid;
using orchid::test::require_error;

namespace {

/// y = x, to see what `run` checks before it.
struct Probe {
  static constexpr const char* name = "probe";
  In x;
  OptionalIn extra;
  Acc y;
  int* ran = nullptr;

  ORCHID_OPERANDS(x, extra, y)
  double flops() const { return 12; }
  void check() const { check_shape(name, "y", *y, x->shape()); }
  void cpu(Context&) const { ++*ran; }
  void cuda(Context&) const { ++*ran; }
};

}  // namespace

TEST_CASE("shape: extents, products and text", "[core][tensor]") {
  const Shape shape{2, 3, 5};
  CHECK(shape.count() == 30);
  CHECK(shape.rows() == 6);
  CHECK(shape.last() == 5);
  CHECK(shape.with_last(7) == Shape{2, 3, 7});
  CHECK(str(shape) == "(2, 3, 5)");
  CHECK(Shape{}.count() == 1);
  require_error([&] { (void)shape[3]; }, "axis 3 of (2, 3, 5)");
  require_error([] { Shape({2, -1}); }, "negative extent");
  require_error([] { Shape({1, 1, 1, 1, 1}); }, "at most 4 extents");
}

TEST_CASE("tensor: views share storage and typed access is checked", "[core][tensor]") {
  Context ctx;
  Tensor tensor = ctx.zeros({2, 3});
  Tensor row = tensor.slice(3, {3});
  row.data<float>()[1] = 4;
  CHECK(tensor.data<float>()[4] == 4);
  CHECK(tensor.reshape({3, 2}).data<float>()[4] == 4);
  require_error([&] { (void)tensor.data<double>(); }, "tensor (2, 3): expected f64, holds f32");
  require_error([&] { (void)tensor.slice(4, {3}); }, "slice: (3) at 4 of (2, 3)");
  require_error([&] { (void)tensor.reshape({5}); }, "reshape: (2, 3) to (5)");
  require_error([] { (void)Tensor().device(); }, "undefined");
}

TEST_CASE("memory: blocks are reused, aligned and counted", "[core][memory]") {
  const auto memory = make_host_pool();
  const void* first = nullptr;
  {
    const Tensor tensor = Tensor::empty({1000}, DType::f32, memory);
    first = tensor.raw();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(memory->in_use() >= 4000);
    CHECK(memory->in_use() <= 4500);
  }
  CHECK(memory->in_use() == 0);
  CHECK(memory->peak() >= 4000);
  CHECK(Tensor::empty({1000}, DType::f32, memory).raw() == first);
  CHECK(Tensor::empty({0}, DType::f32, memory).raw() != nullptr);
}

TEST_CASE("memory: threads may share a pool", "[core][memory]") {
  const auto memory = make_host_pool();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&memory, t] {
      for (int i = 1; i < 300; ++i) {
        Tensor tensor = Tensor::empty({i * 7 % 100 + 1}, DType::i32, memory);
        tensor.data<std::int32_t>()[0] = t;
        if (tensor.data<std::int32_t>()[0] != t) std::abort();
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(memory->in_use() == 0);
}

TEST_CASE("run: operands are checked by name before an op's own rules", "[core][run]") {
  Context ctx;
  int ran = 0;
  const Tensor x = ctx.zeros({2});
  Tensor y = ctx.zeros({2}), wrong = ctx.zeros({3}), none;
  run(ctx, Probe{.x = x, .extra = {}, .y = y, .ran = &ran});
  CHECK(ran == 1);
  require_error([&] { run(ctx, Probe{.x = none, .extra = {}, .y = y, .ran = &ran}); },
                "probe: x: expected a tensor, got an undefined one");
  require_error([&] { run(ctx, Probe{.x = x, .extra = {}, .y = wrong, .ran = &ran}); },
                "probe: y: expected (2), got (3)");
  CHECK(ran == 1);
}

TEST_CASE("run: planning counts work and memory and computes nothing", "[core][run]") {
  Context ctx = Context::planning();
  int ran = 0;
  const Tensor x = ctx.empty({1 << 20, 1 << 20});  // 4 TiB
  Tensor y = ctx.zeros({1 << 20, 1 << 20});
  run(ctx, Probe{.x = x, .extra = {}, .y = y, .ran = &ran});
  CHECK(ran == 0);
  CHECK(ctx.tally.flops == 12);
  CHECK(ctx.tally.bytes == 3 * 0x1p42);
  CHECK(ctx.memory()->in_use() == std::size_t{1} << 43);
}

TEST_CASE("run: a trace adds up calls and time", "[core][run]") {
  Context ctx;
  Trace trace;
  ctx.trace = &trace;
  int ran = 0;
  const Tensor x = ctx.zeros({2});
  Tensor y = ctx.zeros({2});
  for (int i = 0; i < 3; ++i) run(ctx, Probe{.x = x, .extra = {}, .y = y, .ran = &ran});
  REQUIRE(trace.entries().size() == 1);
  CHECK(trace.entries()[0].name == "probe");
  CHECK(trace.entries()[0].calls == 3);
  CHECK(trace.total_seconds() >= 0);
}

TEST_CASE("error: context is prepended on the way up, and the kind stays", "[core][error]") {
  try {
    with_context("outer", [] {
      with_context("inner", [] { ORCHID_CHECK_INPUT(1 == 2, "expected ", 1, ", got ", 2); });
    });
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).rfind("outer: inner: expected 1, got 2 [tensor.cpp:", 0) == 0);
    CHECK(error.kind() == ErrorKind::input_data);
  }
}

TEST_CASE("device: names are parsed, and what is not there is refused", "[core][device]") {
  CHECK(parse_device("auto") == Device{});
  CHECK(str(parse_device("cpu")) == "cpu");
  require_error([] { parse_device("cuda:1"); }, "needs a build with CUDA");
  require_error([] { parse_device("tpu"); }, "expected auto | cpu | cuda[:index], got \"tpu\"");
}
