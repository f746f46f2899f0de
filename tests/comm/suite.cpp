#include "tests/comm/suite.h"

#include <algorithm>
#include <functional>

namespace orchid::test {
namespace {

using train::Communicator;
using train::Reduce;
using Values = std::vector<double>;

constexpr DType kTypes[] = {DType::f32, DType::f64, DType::bf16, DType::i32, DType::i64};
constexpr std::int64_t kCounts[] = {1, 2, 3, 7, 64, 1000, 4099, 70001};
constexpr double kGuard = 77;

/// Small whole numbers: sums of a few are exact in every type.
double value_of(int rank, std::int64_t i, std::int64_t seed) {
  return static_cast<double>((i * 7 + rank * 5 + seed * 3 + i / 11) % 13 - 6);
}

Values values_of_rank(int rank, std::int64_t count, std::int64_t seed) {
  Values values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    values[static_cast<std::size_t>(i)] = value_of(rank, i, seed);
  return values;
}

Values reduced(int world, std::int64_t count, std::int64_t seed, Reduce reduce) {
  Values result = values_of_rank(0, count, seed);
  for (int r = 1; r < world; ++r)
    for (std::size_t i = 0; i < result.size(); ++i) {
      const double value = value_of(r, static_cast<std::int64_t>(i), seed);
      result[i] = reduce == Reduce::sum ? result[i] + value : std::max(result[i], value);
    }
  return result;
}

/// A tensor that starts at an odd place of a larger one, whose ends must stay as they are.
class Guarded {
 public:
  Guarded(Context& ctx, const Values& values, DType dtype)
      : count_(static_cast<std::int64_t>(values.size())),
        whole_(ctx.empty({count_ + 2}, dtype)),
        tensor(whole_.slice(1, {count_})) {
    Values all(values.size() + 2, kGuard);
    std::ranges::copy(values, all.begin() + 1);
    set_values(whole_, all);
  }

  /// What differs from the expected values, or nothing.
  std::string fault(const Values& expected) const {
    const Values got = orchid::values_of(whole_);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const bool inside = i > 0 && i + 1 < got.size();
      const double wanted = inside ? expected[i - 1] : kGuard;
      if (got[i] != wanted)
        return str(inside ? "element " : "beside it, element ", static_cast<std::int64_t>(i) - 1,
                   ": expected ", wanted, ", got ", got[i]);
    }
    return {};
  }

 private:
  std::int64_t count_;
  Tensor whole_;

 public:
  Tensor tensor;
};

class Checker {
 public:
  Checker(Communicator& comm, Context& ctx) : comm_(comm), ctx_(ctx) {}

  void all_reduce(DType dtype, std::int64_t count, Reduce reduce) {
    Guarded data(ctx_, values_of_rank(comm_.rank(), count, ++seed_), dtype);
    comm_.all_reduce(ctx_, data.tensor, reduce, "suite");
    expect("all_reduce", data, reduced(comm_.world(), count, seed_, reduce));
  }

  void reduce_scatter(DType dtype, std::int64_t count, Reduce reduce, bool in_place) {
    const std::int64_t all = count * comm_.world();
    const Values own = values_of_rank(comm_.rank(), all, ++seed_);
    const Values sums = reduced(comm_.world(), all, seed_, reduce);
    Guarded whole(ctx_, own, dtype);
    Guarded apart(ctx_, Values(static_cast<std::size_t>(count), -5), dtype);
    Tensor part = in_place ? slice_of(whole.tensor, count) : apart.tensor;
    comm_.reduce_scatter(ctx_, whole.tensor, part, reduce, "suite");
    const auto mine = sums.begin() + comm_.rank() * count;
    if (in_place) {
      Values expected = own;
      std::copy_n(mine, count, expected.begin() + comm_.rank() * count);
      expect("reduce_scatter in place", whole, expected);
    } else {
      expect("reduce_scatter", apart, Values(mine, mine + count));
      expect("reduce_scatter, the operand", whole, own);
    }
  }

  void all_gather(DType dtype, std::int64_t count, bool in_place) {
    const Values own = values_of_rank(comm_.rank(), count, ++seed_);
    Values expected;
    for (int r = 0; r < comm_.world(); ++r)
      std::ranges::copy(values_of_rank(r, count, seed_), std::back_inserter(expected));
    Values before(expected.size(), -5);
    if (in_place) std::ranges::copy(own, before.begin() + comm_.rank() * count);
    Guarded whole(ctx_, before, dtype);
    Guarded apart(ctx_, own, dtype);
    const Tensor part = in_place ? slice_of(whole.tensor, count) : apart.tensor;
    comm_.all_gather(ctx_, part, whole.tensor, "suite");
    expect(in_place ? "all_gather in place" : "all_gather", whole, expected);
    expect("all_gather, the operand", apart, own);
  }

  void broadcast(DType dtype, std::int64_t count, int root) {
    Guarded data(ctx_, values_of_rank(comm_.rank(), count, ++seed_), dtype);
    comm_.broadcast(ctx_, data.tensor, root, "suite");
    expect("broadcast", data, values_of_rank(root, count, seed_));
  }

  /// Three begun at once, waited for in another order; the copies before and after them on the
  /// context's stream take long enough that one in the wrong order would be seen.
  void ahead(std::int64_t count) {
    const std::int64_t seed = seed_ += 3;
    const int world = comm_.world(), rank = comm_.rank();
    const std::int64_t all = count * world;
    Tensor first = ctx_.zeros({count}, DType::f32), slow = ctx_.zeros({1 << 20}, DType::f32);
    Tensor second = ctx_.zeros({all}, DType::f32), part = ctx_.zeros({count}, DType::f32);
    Tensor third = ctx_.zeros({all}, DType::f32), result = ctx_.zeros({count}, DType::f32);
    Guarded source(ctx_, values_of_rank(rank, count, seed), DType::f32);
    Guarded wide(ctx_, values_of_rank(rank, all, seed + 1), DType::f32);
    Tensor from = slow.slice(0, {1 << 19}), to = slow.slice(1 << 19, {1 << 19});
    for (int i = 0; i < 20; ++i) orchid::copy(from, to);
    orchid::copy(source.tensor, first);
    orchid::copy(wide.tensor, second);
    const auto a = comm_.begin_all_reduce(ctx_, first, Reduce::sum, "ahead 1");
    const auto b = comm_.begin_reduce_scatter(ctx_, second, part, Reduce::max, "ahead 2");
    comm_.wait(ctx_, b);
    const auto c = comm_.begin_all_gather(ctx_, part, third, "ahead 3");
    comm_.wait(ctx_, c);
    comm_.wait(ctx_, a);
    orchid::copy(first, result);
    const Values maxima = reduced(world, all, seed + 1, Reduce::max);
    compare("ahead all_reduce", orchid::values_of(result),
            reduced(world, count, seed, Reduce::sum));
    compare("ahead all_gather", orchid::values_of(third), maxima);
  }

  void host_numbers() {
    const int rank = comm_.rank(), world = comm_.world();
    Values doubles = {1.0, 0.5 * rank, -1.0 * rank};
    comm_.reduce(doubles, Reduce::sum, "scores");
    const double ranks = world * (world - 1) / 2.0;
    compare("host sum", doubles, {1.0 * world, 0.5 * ranks, -ranks});
    doubles = {1.0 * rank, -1.0 * rank};
    comm_.reduce(doubles, Reduce::max, "worst");
    compare("host max", doubles, {world - 1.0, 0.0});
    const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double
    std::vector<std::int64_t> counts = {rank == 0 ? large : 0, 1};
    comm_.reduce(counts, Reduce::sum, "counts");
    if (counts[0] != large || counts[1] != world)
      add(str("host counts: expected ", large, " and ", world, ", got ", counts[0], " and ",
              counts[1]));
    comm_.barrier("suite");
  }

  Faults faults;

 private:
  Tensor slice_of(const Tensor& whole, std::int64_t count) const {
    return whole.slice(comm_.rank() * count, {count});
  }
  void add(const std::string& what) {
    faults.push_back(str("rank ", comm_.rank(), " of ", comm_.world(), ": ", what));
  }
  void expect(const std::string& what, const Guarded& got, const Values& expected) {
    const std::string fault = got.fault(expected);
    if (!fault.empty())
      add(str(what, ' ', name_of(got.tensor.dtype()), ' ', got.tensor.count(), ": ", fault));
  }
  void compare(const std::string& what, const Values& got, const Values& expected) {
    const auto [at, wanted] = std::mismatch(got.begin(), got.end(), expected.begin());
    if (at != got.end())
      add(str(what, ": element ", at - got.begin(), ": expected ", *wanted, ", got ", *at));
  }

  Communicator& comm_;
  Context& ctx_;
  std::int64_t seed_ = 0;
};

}  // namespace

Faults check_collectives(Communicator& comm, Context& ctx) {
  Checker checker(comm, ctx);
  for (const DType dtype : kTypes) {
    for (const std::int64_t count : kCounts) {
      if (kSanitized && count > 5000) continue;
      for (const Reduce reduce : {Reduce::sum, Reduce::max}) {
        checker.all_reduce(dtype, count, reduce);
        checker.reduce_scatter(dtype, count, reduce, false);
        checker.reduce_scatter(dtype, count, reduce, true);
      }
      checker.all_gather(dtype, count, false);
      checker.all_gather(dtype, count, true);
      checker.broadcast(dtype, count, static_cast<int>(count % comm.world()));
    }
    checker.all_reduce(dtype, 0, Reduce::sum);
    checker.reduce_scatter(dtype, 0, Reduce::sum, true);
    checker.all_gather(dtype, 0, false);
    checker.broadcast(dtype, 0, 0);
  }
  for (const std::int64_t count : {5, 1023, 100003}) checker.ahead(count);
  checker.host_numbers();
  return checker.faults;
}

Faults check_refusals(Communicator& comm, Context& ctx) {
  Faults faults;
  const auto refused = [&](const std::string& part, const std::function<void()>& call) {
    std::string text = "nothing";
    try {
      call();
    } catch (const Error& error) {
      text = error.what();
    }
    if (text.find(part) == std::string::npos)
      faults.push_back(str("expected an error with '", part, "', got ", text));
  };
  const std::int64_t world = comm.world();
  Tensor undefined, bytes = ctx.zeros({4}, DType::u8),
                    whole = ctx.zeros({3 * world + 6}, DType::f32);
  Tensor part = ctx.zeros({3}, DType::f32), doubles = ctx.zeros({3}, DType::f64);
  Tensor all = whole.slice(0, {3 * world}), across = whole.slice(3 * comm.rank() + 1, {3});
  refused("expected a tensor", [&] { comm.all_reduce(ctx, undefined, Reduce::sum, "x"); });
  refused("got u8", [&] { comm.all_reduce(ctx, bytes, Reduce::sum, "x"); });
  refused("expected a rank of", [&] { comm.broadcast(ctx, part, comm.world(), "x"); });
  refused("expected f32, got f64",
          [&] { comm.reduce_scatter(ctx, all, doubles, Reduce::sum, "x"); });
  refused("elements, got", [&] { comm.all_gather(ctx, part, whole, "x"); });
  refused("lies across", [&] { comm.reduce_scatter(ctx, all, across, Reduce::sum, "x"); });
  refused("ticket 12345", [&] { comm.wait(ctx, 12345); });
  comm.barrier("after refusals");
  return faults;
}

Faults check_giving_up(Communicator& comm, Context& ctx) {
  Faults faults;
  comm.set_step(41);
  const int last = comm.world() - 1;
  std::string text = "nothing";
  Tensor tensor = ctx.zeros({3}, DType::f32);
  if (comm.rank() == last) comm.fail("planted");
  try {
    comm.all_reduce(ctx, tensor, Reduce::sum, "after it");
  } catch (const Error& error) {
    text = error.what();
  }
  const std::string blamed = str("rank ", last, " gave up: planted");
  const std::string own = "this rank gave up: planted";
  if (text.find(comm.rank() == last ? own : blamed) == std::string::npos ||
      text.find("all_reduce 'after it'") == std::string::npos ||
      text.find(str("rank ", comm.rank(), ": ")) != 0)
    faults.push_back(str("rank ", comm.rank(), " said: ", text));
  try {
    comm.barrier("later");
    faults.push_back("a call after the failure went through");
  } catch (const Error&) {
  }
  return faults;
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string joined(const Faults& faults) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(faults.size(), 10); ++i)
    text += faults[i] + "\n";
  if (faults.size() > 10) text += str("and ", faults.size() - 10, " more\n");
  return text;
}

}  // namespace orchid::test
