#include "tests/simt/executor/fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <pthread.h>
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace orchid::simt {
namespace {

constexpr std::size_t kPage = 4096;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStack = 256 * 1024;  // frames of instrumented code are several times larger
#else
constexpr std::size_t kStack = 64 * 1024;
#endif
constexpr std::size_t kTotal = kPage + kStack + kPage;  // guard, stack, room to shift its top

}  // namespace

Fiber* new_fiber(void (*entry)(), std::size_t number) {
  void* memory = mmap(nullptr, kTotal, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("simt: no memory for the stack of a thread");
    std::abort();
  }
  mprotect(memory, kPage, PROT_NONE);
  auto* fiber = new Fiber;
  fiber->lowest = static_cast<char*>(memory) + kPage;
  fiber->bytes = kTotal - kPage;
#if defined(__SANITIZE_ADDRESS__)
  // A stack that a failed kernel left behind may have lain here.
  __asan_unpoison_memory_region(fiber->lowest, fiber->bytes);
#endif
  const std::size_t shift = number * 7 % 61 * 64;
  char* top = fiber->lowest + (fiber->bytes - shift) / 64 * 64;
#if defined(__x86_64__)
  // What switch_fiber pops, and a null return address where a backtrace ends.
  auto* words = reinterpret_cast<void**>(top) - 4;
  words[0] = words[1] = words[3] = nullptr;
  words[2] = reinterpret_cast<void*>(entry);
  fiber->stack_pointer = words;
#else
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->lowest;
  fiber->context.uc_stack.ss_size = static_cast<std::size_t>(top - fiber->lowest);
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, entry, 0);
#endif
  return fiber;
}

void delete_fiber(Fiber* fiber) {
  munmap(fiber->lowest - kPage, kTotal);
  delete fiber;
}

void describe_own_stack([[maybe_unused]] Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  void* lowest = nullptr;
  pthread_attr_getstack(&attributes, &lowest, &fiber.bytes);
  pthread_attr_destroy(&attributes);
  fiber.lowest = static_cast<char*>(lowest);
#endif
}

}  // namespace orchid::simt
