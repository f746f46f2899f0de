// Barriers of the block, collectives of a warp, fences, atomics.

#include <algorithm>
#include <bit>
#include <cstring>

#include "tests/simt/executor/state.h"

namespace orchid::simt {
namespace {

Thread& enter_executor(const char* name, Where where) {
  kernel_code_runs = false;
  if (!executor.current)
    fail("%s outside a kernel, at %s:%u", name, where.file_name(), where.line());
  Thread& self = *executor.current;
  self.waits_in = name;
  self.where = where;
  return self;
}

/// The lane that a shuffle of lane `lane` reads.
int source_lane(const WarpCall& call, int lane) {
  const int within = lane & (call.width - 1), first = lane - within;
  switch (call.action) {
    case WarpAction::shuffle:
      return first + (call.argument & (call.width - 1));
    case WarpAction::shuffle_up:
      return within >= call.argument ? lane - call.argument : lane;
    case WarpAction::shuffle_down:
      return within + call.argument < call.width ? lane + call.argument : lane;
    default: {
      const int partner = within ^ call.argument;
      return partner < call.width ? first + partner : lane;
    }
  }
}

void shuffle(WarpCall* const* calls, std::uint32_t mask) {
  for (std::uint32_t rest = mask; rest; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    WarpCall& call = *calls[lane];
    const int source = source_lane(call, lane);
    if (!(mask >> source & 1))
      fail("%s:%u: %s: lane %d reads lane %d, which is not in the mask %08x or has ended",
           call.where.file_name(), call.where.line(), call.name, lane, source, call.mask);
    call.out = calls[source]->in;
  }
}

std::uint64_t combine(WarpAction action, std::uint64_t sum, std::uint64_t in, int lane) {
  const auto signed_in = static_cast<std::int64_t>(in), signed_sum = static_cast<std::int64_t>(sum);
  switch (action) {
    case WarpAction::ballot:
      return sum | static_cast<std::uint64_t>(in != 0) << lane;
    case WarpAction::any:
      return sum | (in != 0);
    case WarpAction::all:
      return sum & (in != 0);
    case WarpAction::add:
      return sum + in;
    case WarpAction::minimum:
      return static_cast<std::uint64_t>(std::min(signed_sum, signed_in));
    case WarpAction::maximum:
      return static_cast<std::uint64_t>(std::max(signed_sum, signed_in));
    case WarpAction::bits_and:
      return sum & in;
    case WarpAction::bits_or:
      return sum | in;
    case WarpAction::bits_xor:
      return sum ^ in;
    default:
      return 0;
  }
}

void vote(WarpCall* const* calls, std::uint32_t mask) {
  const WarpAction action = calls[std::countr_zero(mask)]->action;
  // Neutral: nothing for sums and bits; the first lane's own value for a minimum or maximum.
  std::uint64_t result = 0;
  if (action == WarpAction::all) result = 1;
  if (action == WarpAction::bits_and) result = ~std::uint64_t{0};
  if (action == WarpAction::minimum || action == WarpAction::maximum)
    result = calls[std::countr_zero(mask)]->in;
  for (std::uint32_t rest = mask; rest; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    result = combine(action, result, calls[lane]->in, lane);
  }
  for (std::uint32_t rest = mask; rest; rest &= rest - 1) {
    WarpCall& call = *calls[std::countr_zero(rest)];
    call.out = result;
    if (action != WarpAction::match_any) continue;
    call.out = 0;
    for (std::uint32_t others = mask; others; others &= others - 1) {
      const int other = std::countr_zero(others);
      if (calls[other]->in == call.in) call.out |= std::uint64_t{1} << other;
    }
  }
}

bool is_shuffle(WarpAction action) {
  return action >= WarpAction::shuffle && action <= WarpAction::shuffle_xor;
}

/// Executes the collective of this mask if all its lanes that have not ended are there.
void complete_collective(unsigned w, std::uint32_t mask) {
  Warp& warp = executor.warps[w];
  const std::uint32_t lanes = mask & warp.alive;
  if (!lanes || (warp.in_collective & lanes) != lanes) return;
  const WarpCall& first = *warp.calls[std::countr_zero(lanes)];
  for (std::uint32_t rest = lanes; rest; rest &= rest - 1) {
    const WarpCall& call = *warp.calls[std::countr_zero(rest)];
    if (call.mask != mask) return;  // this lane is in another collective, which comes first
    if (call.action != first.action)
      fail("lanes of one mask run different collectives: %s at %s:%u and %s at %s:%u", first.name,
           first.where.file_name(), first.where.line(), call.name, call.where.file_name(),
           call.where.line());
  }
  // Only __syncwarp orders memory; the others do not.
  if (first.action == WarpAction::sync) {
    if (checker) checker->warp_barrier(w, lanes);
  } else if (first.action == WarpAction::exchange_matrices) {
    complete_exchange(warp.calls, lanes);
  } else if (first.action == WarpAction::multiply_matrices) {
    complete_product(warp.calls, lanes);
  } else if (is_shuffle(first.action)) {
    shuffle(warp.calls, lanes);
  } else {
    vote(warp.calls, lanes);
  }
  warp.in_collective &= ~lanes;
  warp.ready |= lanes;
  executor.rounds_without_progress = 0;
}

}  // namespace

void complete_collectives(unsigned w) {
  Warp& warp = executor.warps[w];
  for (std::uint32_t rest = warp.in_collective; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (warp.in_collective >> lane & 1) complete_collective(w, warp.calls[lane]->mask);
  }
}

std::uint64_t warp_collective(WarpCall call) {
  Thread& self = enter_executor(call.name, call.where);
  if (!(call.mask & self.bit()))
    fail("%s:%u: %s: the calling lane %u is not in its mask %08x", call.where.file_name(),
         call.where.line(), call.name, self.lane(), call.mask);
  if (call.width < 1 || call.width > 32 || (call.width & (call.width - 1)))
    fail("%s:%u: %s: a width of %d, expected a power of 2 up to 32", call.where.file_name(),
         call.where.line(), call.name, call.width);
  Warp& warp = executor.warps[self.warp()];
  warp.calls[self.lane()] = &call;
  warp.in_collective |= self.bit();
  complete_collective(self.warp(), call.mask);
  run_others();
  return call.out;
}

void complete_barrier() {
  Barrier& barrier = executor.barrier;
  if (barrier.arrived < executor.alive) return;
  barrier.last_count = barrier.count;
  barrier.last_arrived = barrier.arrived;
  barrier.count = 0;
  barrier.arrived = 0;
  for (unsigned w = 0; w < executor.warp_count; ++w) {
    Warp& warp = executor.warps[w];
    warp.ready |= warp.in_barrier;
    warp.in_barrier = 0;
  }
  executor.rounds_without_progress = 0;
  if (checker) checker->block_barrier();
}

int block_barrier(BarrierResult result, bool predicate, Where where) {
  Thread& self = enter_executor("__syncthreads", where);
  Barrier& barrier = executor.barrier;
  ++barrier.arrived;
  barrier.count += predicate;
  executor.warps[self.warp()].in_barrier |= self.bit();
  complete_barrier();
  run_others();
  switch (result) {
    case BarrierResult::none:
      break;
    case BarrierResult::count:
      return barrier.last_count;
    case BarrierResult::all:
      return barrier.last_count == static_cast<int>(barrier.last_arrived);
    case BarrierResult::any:
      return barrier.last_count > 0;
  }
  return 0;
}

void yield(Where where) {
  Thread& self = enter_executor("a loop that yields", where);
  executor.warps[self.warp()].yielded |= self.bit();
  run_others();
}

void thread_fence() {
  if (checker) checker->fence();
}

std::uint32_t lane() {
  return executor.current->lane();
}

std::uint64_t begin_atomic(void* address, std::size_t bytes, Where where) {
  // A loop may wait on an atomic alone: now and then let the others run.
  constexpr unsigned kYieldEvery = 256;
  if (++executor.atomics % kYieldEvery == 0 && executor.current) yield(where);
  if (checker) checker->atomic(address, bytes, __builtin_return_address(0));
  std::uint64_t bits = 0;
  std::memcpy(&bits, address, bytes);
  return bits;
}

void end_atomic(void* address, std::size_t bytes, std::uint64_t bits) {
  std::memcpy(address, &bits, bytes);
}

}  // namespace orchid::simt
