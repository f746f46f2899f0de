#include "train/comm/communicator.h"

#include <algorithm>
#include <chrono>

namespace orchid::train {
namespace {

const char* name_of(CallKind kind) {
  switch (kind) {
    case CallKind::all_reduce:
      return "all_reduce";
    case CallKind::reduce_scatter:
      return "reduce_scatter";
    case CallKind::all_gather:
      return "all_gather";
    case CallKind::broadcast:
      return "broadcast";
    case CallKind::host_reduce:
      return "reduce";
    case CallKind::barrier:
      return "barrier";
  }
  return "?";
}

void check_operand(const Context& ctx, const Tensor& tensor, const char* role) {
  ORCHID_CHECK(tensor.defined(), role, ": expected a tensor, got none");
  ORCHID_CHECK(tensor.device() == ctx.device(), role, ": expected on ", ctx.device(), ", got on ",
               tensor.device());
  ORCHID_CHECK(tensor.dtype() != DType::u8, role, ": expected f32, f64, bf16, i32 or i64, got u8");
}

/// `part` is this rank's slice of `whole`, or lies apart from it.
void check_parts(const Context& ctx, const Tensor& part, const Tensor& whole, int rank, int world) {
  check_operand(ctx, part, "part");
  check_operand(ctx, whole, "whole");
  ORCHID_CHECK(part.dtype() == whole.dtype(), "part: expected ", name_of(whole.dtype()), ", got ",
               name_of(part.dtype()));
  ORCHID_CHECK(whole.count() == part.count() * world, "whole: expected ", world, " x ",
               part.count(), " elements, got ", whole.count());
  const char* first = static_cast<const char*>(whole.raw());
  const char* mine = static_cast<const char*>(part.raw());
  const bool apart = mine + part.bytes() <= first || first + whole.bytes() <= mine;
  ORCHID_CHECK(apart || mine == first + static_cast<std::size_t>(rank) * part.bytes(),
               "part: lies across `whole`; expected slice ", rank, " of it, or other memory");
}

class Single final : public Communicator {
 public:
  Single() : Communicator(0, 1) {}
  const char* backend() const override { return "single"; }

 private:
  void start(Context&, const CommCall& call) override {
    if (call.in.raw() == call.out.raw()) return;
    Tensor out = call.out;
    out.memory()->copy(out.raw(), call.in.raw(), out.bytes());
  }
  void finish(Context&, const CommCall&) override {}
  void run_on_host(const CommCall&) override {}
};

}  // namespace

std::string describe(const CommCall& call) {
  std::ostringstream text;
  text << name_of(call.kind) << " '" << call.name << "'";
  if (call.kind == CallKind::barrier) return text.str();
  text << " (" << std::max(call.in.count(), call.out.count()) << ' ' << name_of(call.in.dtype());
  if (call.kind == CallKind::broadcast) {
    text << " from rank " << call.root;
  } else if (call.kind != CallKind::all_gather) {
    text << (call.reduce == Reduce::sum ? ", sum" : ", max");
  }
  text << ')';
  return text.str();
}

CommCall Communicator::make_call(CallKind kind, const std::string& name) {
  CommCall call;
  call.kind = kind;
  call.name = name;
  call.step = step_;
  call.ticket = tickets_ + 1;
  return call;
}

/// What leaves a call breaks the communicator: nobody knows then where the other ranks are.
template <class Body>
void Communicator::guarded(const CommCall& call, const Body& body) {
  ORCHID_CHECK(broken_.empty(), "rank ", rank_, ": ", train::describe(call),
               ": not possible after: ", broken_);
  try {
    const std::string before = failure();
    ORCHID_CHECK(before.empty(), before);
    const auto begin = std::chrono::steady_clock::now();
    body();
    use_.host_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } catch (Error& error) {
    broken_ = error.what();
    error.add_context(str("rank ", rank_, ": step ", call.step, ": ", train::describe(call)));
    throw;
  }
}

Communicator::Ticket Communicator::begin(Context& ctx, const CommCall& call) {
  tickets_ = call.ticket;
  ++use_.calls;
  use_.bytes += static_cast<std::int64_t>(std::max(call.in.bytes(), call.out.bytes()));
  guarded(call, [&] {
    if (call.out.count() > 0) start(ctx, call);
  });
  open_.push_back(call);
  return call.ticket;
}

void Communicator::wait(Context& ctx, Ticket ticket) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const CommCall& call) { return call.ticket == ticket; });
  ORCHID_CHECK(found != open_.end(), "rank ", rank_, ": wait: ticket ", ticket,
               " is of no call that was begun and not waited for");
  const CommCall call = *found;
  open_.erase(found);
  guarded(call, [&] {
    if (call.out.count() > 0) finish(ctx, call);
  });
}

void Communicator::all_reduce(Context& ctx, Tensor& tensor, Reduce reduce,
                              const std::string& name) {
  wait(ctx, begin_all_reduce(ctx, tensor, reduce, name));
}

void Communicator::reduce_scatter(Context& ctx, const Tensor& whole, Tensor& part, Reduce reduce,
                                  const std::string& name) {
  wait(ctx, begin_reduce_scatter(ctx, whole, part, reduce, name));
}

void Communicator::all_gather(Context& ctx, const Tensor& part, Tensor& whole,
                              const std::string& name) {
  wait(ctx, begin_all_gather(ctx, part, whole, name));
}

void Communicator::broadcast(Context& ctx, Tensor& tensor, int root, const std::string& name) {
  CommCall call = make_call(CallKind::broadcast, name);
  with_context(name, [&] {
    check_operand(ctx, tensor, "broadcast");
    ORCHID_CHECK(root >= 0 && root < world_, "root: expected a rank of ", world_, ", got ", root);
  });
  call.in = call.out = tensor;
  call.root = root;
  wait(ctx, begin(ctx, call));
}

Communicator::Ticket Communicator::begin_all_reduce(Context& ctx, Tensor& tensor, Reduce reduce,
                                                    const std::string& name) {
  CommCall call = make_call(CallKind::all_reduce, name);
  with_context(name, [&] { check_operand(ctx, tensor, "all_reduce"); });
  call.in = call.out = tensor;
  call.reduce = reduce;
  return begin(ctx, call);
}

Communicator::Ticket Communicator::begin_reduce_scatter(Context& ctx, const Tensor& whole,
                                                        Tensor& part, Reduce reduce,
                                                        const std::string& name) {
  CommCall call = make_call(CallKind::reduce_scatter, name);
  with_context(name, [&] { check_parts(ctx, part, whole, rank_, world_); });
  call.in = whole;
  call.out = part;
  call.reduce = reduce;
  return begin(ctx, call);
}

Communicator::Ticket Communicator::begin_all_gather(Context& ctx, const Tensor& part, Tensor& whole,
                                                    const std::string& name) {
  CommCall call = make_call(CallKind::all_gather, name);
  with_context(name, [&] { check_parts(ctx, part, whole, rank_, world_); });
  call.in = part;
  call.out = whole;
  return begin(ctx, call);
}

void Communicator::on_host(const CommCall& call) {
  tickets_ = call.ticket;
  ++use_.calls;
  if (call.in.defined()) use_.bytes += static_cast<std::int64_t>(call.in.bytes());
  guarded(call, [&] { run_on_host(call); });
}

template <class T>
void Communicator::reduce_values(std::span<T> values, Reduce reduce, const std::string& name) {
  if (values.empty()) return;
  CommCall call = make_call(CallKind::host_reduce, name);
  call.in = Tensor::empty({static_cast<std::int64_t>(values.size())}, dtype_of<T>(), host_);
  call.out = call.in;
  call.reduce = reduce;
  std::copy(values.begin(), values.end(), call.in.data<T>());
  on_host(call);
  std::copy_n(call.out.data<T>(), values.size(), values.begin());
}

void Communicator::reduce(std::span<double> values, Reduce reduce, const std::string& name) {
  reduce_values(values, reduce, name);
}

void Communicator::reduce(std::span<std::int64_t> values, Reduce reduce, const std::string& name) {
  reduce_values(values, reduce, name);
}

void Communicator::barrier(const std::string& name) {
  on_host(make_call(CallKind::barrier, name));
}

void Communicator::check() {
  if (broken_.empty()) broken_ = failure();
  ORCHID_CHECK(broken_.empty(), "rank ", rank_, ": step ", step_, ": ", broken_);
  use_.stream_seconds = stream_seconds();
}

void Communicator::fail(const std::string& reason) {
  if (!broken_.empty()) return;
  broken_ = str("this rank gave up: ", reason);
  try {
    announce(str("rank ", rank_, " gave up: ", reason));
  } catch (const Error&) {  // the reason is what the caller has to tell, and why it came here
  }
}

std::unique_ptr<Communicator> make_single() {
  return std::make_unique<Single>();
}

}  // namespace orchid::train
