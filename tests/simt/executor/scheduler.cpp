// Chooses the thread that runs next and switches to it.

#include <bit>
#include <map>
#include <utility>

#include "tests/simt/executor/grid.h"
#include "tests/simt/executor/state.h"

uint3 threadIdx{}, blockIdx{};
dim3 blockDim{}, gridDim{};

namespace orchid::simt {

Executor executor;
Checker* checker = nullptr;
bool kernel_code_runs = false;

namespace {

/// Loops that only yield are taken for stuck after this many rounds.
constexpr unsigned kMostRounds = 200'000;

void enter_kernel_code() {
  if (checker) [[unlikely]] {
    checker->resume(executor.current->number, executor.fiber->lowest, executor.fiber->bytes);
    kernel_code_runs = true;
  }
}

/// The warp to take a thread from, or warp_count if none is ready.
unsigned find_warp() {
  const unsigned count = executor.warp_count;
  unsigned warp = executor.cursor;
  if (executor.order == Order::random && executor.random() % 4 == 0)
    warp = static_cast<unsigned>(executor.random()) % count;
  const bool backward = executor.order == Order::reverse;
  for (unsigned looked = 0; looked < count; ++looked) {
    if (executor.warps[warp].ready) return warp;
    warp = backward ? (warp ? warp : count) - 1 : (warp + 1 < count ? warp + 1 : 0);
  }
  return count;
}

unsigned choose_lane(std::uint32_t ready) {
  switch (executor.order) {
    case Order::forward:
      break;
    case Order::reverse:
      return 31 - static_cast<unsigned>(std::countl_zero(ready));
    case Order::random: {
      const auto shift = static_cast<unsigned>(executor.random()) % kWarp;
      const std::uint32_t rotated = std::rotr(ready, static_cast<int>(shift));
      return (static_cast<unsigned>(std::countr_zero(rotated)) + shift) % kWarp;
    }
  }
  return static_cast<unsigned>(std::countr_zero(ready));
}

/// Makes threads that yielded ready again; false if there are none.
bool wake_yielded() {
  bool any = false;
  for (unsigned w = 0; w < executor.warp_count; ++w) {
    Warp& warp = executor.warps[w];
    any |= warp.yielded != 0;
    warp.ready |= std::exchange(warp.yielded, 0);
  }
  return any;
}

/// Who waits where, grouped by place.
std::string describe_waiting() {
  std::map<std::string, std::pair<int, std::string>> groups;
  for (unsigned t = 0; t < executor.thread_count; ++t) {
    const Thread& thread = executor.threads[t];
    if (!(executor.warps[thread.warp()].alive & thread.bit())) continue;
    std::string place = thread.waits_in ? thread.waits_in : "nothing";
    if (thread.waits_in)
      place += std::string(" at ") + thread.where.file_name() + ":" +
               std::to_string(thread.where.line());
    auto& [count, examples] = groups[place];
    if (count++ < 4) examples += " " + std::to_string(t);
  }
  std::string text;
  for (const auto& [place, group] : groups)
    text += "\n    " + std::to_string(group.first) + " threads wait in " + place +
            ", for example thread" + group.second;
  return text;
}

/// The next thread to run; null when the block has ended or failed.
Thread* pick() {
  for (;;) {
    const unsigned w = find_warp();
    if (w < executor.warp_count) {
      Warp& warp = executor.warps[w];
      const unsigned lane = choose_lane(warp.ready);
      warp.ready &= ~(1u << lane);
      executor.cursor = w;
      return &executor.threads[w * kWarp + lane];
    }
    if (executor.alive == 0) return nullptr;
    const bool stuck = ++executor.rounds_without_progress > kMostRounds;
    if (!stuck && wake_yielded()) continue;
    executor.failed = true;
    executor.failure = std::string(stuck ? "threads spin without end" : "deadlock") +
                       " in block (" + std::to_string(blockIdx.x) + "," +
                       std::to_string(blockIdx.y) + "," + std::to_string(blockIdx.z) +
                       "): no thread can go on" + describe_waiting();
    return nullptr;
  }
}

void become(Thread* thread) {
  executor.current = thread;
  threadIdx = thread->index;
}

__attribute__((always_inline)) inline void switch_to(Fiber* next) {
  Fiber* self = std::exchange(executor.fiber, next);
  switch_fiber(*self, *next);
}

void fiber_main();

Fiber* take_fiber() {
  if (executor.idle_fibers.empty()) {
    executor.fibers.push_back(new_fiber(fiber_main, executor.fibers.size()));
    return executor.fibers.back();
  }
  Fiber* fiber = executor.idle_fibers.back();
  executor.idle_fibers.pop_back();
  return fiber;
}

void end_thread(Thread& thread) {
  Warp& warp = executor.warps[thread.warp()];
  warp.alive &= ~thread.bit();
  --executor.alive;
  executor.rounds_without_progress = 0;
  thread.fiber = nullptr;
  thread.issued.clear();
  thread.committed.clear();
  // Others may have waited for this one alone.
  if (warp.in_collective) complete_collectives(thread.warp());
  if (executor.barrier.arrived) complete_barrier();
}

/// Runs threads one after another on this stack; switches only to threads that have begun before.
void fiber_main() {
  fiber_has_started();
  for (;;) {
    enter_kernel_code();
    executor.launch->run_thread(executor.launch->kernel, executor.launch->parameters.get());
    kernel_code_runs = false;
    Fiber* self = executor.fiber;
    end_thread(*executor.current);
    Thread* next = pick();
    if (next && !next->fiber) {
      next->fiber = self;
      become(next);
      continue;
    }
    executor.idle_fibers.push_back(self);
    if (next) become(next);
    switch_to(next ? next->fiber : &executor.host);
  }
}

}  // namespace

Executor::~Executor() {
  for (Fiber* each : fibers) delete_fiber(each);
}

void run_others() {
  Thread* self = executor.current;
  Thread* next = pick();
  if (next != self) {
    if (next) {
      if (!next->fiber) next->fiber = take_fiber();
      become(next);
    }
    switch_to(next ? next->fiber : &executor.host);
  }
  enter_kernel_code();
}

void run_block() {
  executor.cursor = executor.order == Order::reverse ? executor.warp_count - 1 : 0;
  Thread* first = pick();
  first->fiber = take_fiber();
  become(first);
  executor.fiber = &executor.host;
  switch_to(first->fiber);
  kernel_code_runs = false;
  executor.current = nullptr;
  if (executor.failed) {
    give_up_fibers();
    throw Failure(executor.failure);
  }
}

void abandon_block() {
  executor.failed = true;
  switch_to(&executor.host);
  __builtin_unreachable();
}

/// Stacks of a failed block still hold its threads; they are thrown away as they are.
void give_up_fibers() {
  for (Fiber* each : executor.fibers) delete_fiber(each);
  executor.fibers.clear();
  executor.idle_fibers.clear();
}

}  // namespace orchid::simt
