#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace orchid::simt {

/// A stack and a point of execution on it: what one CUDA thread runs on while it is not finished.
struct Fiber {
  char* lowest = nullptr;  ///< of the stack; below it lies a page that nobody may touch
  std::size_t bytes = 0;
  void* stack_pointer = nullptr;
  void* fake_stack = nullptr;  ///< the address sanitizer's
#if !defined(__x86_64__)
  ucontext_t context{};
#endif
};

/// A fiber that starts in `entry`, which never returns. `number` spreads stack tops over cache
/// sets.
Fiber* new_fiber(void (*entry)(), std::size_t number);
void delete_fiber(Fiber* fiber);
/// Describes the stack that the caller runs on, for the sanitizer.
void describe_own_stack(Fiber& fiber);

/// What an entry function does first.
inline void fiber_has_started() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

/// Continues in `to`; returns when something continues in `from`. Sources that use it are compiled
/// with -mno-red-zone, because it pushes onto the stack of a function the compiler may think a
/// leaf.
__attribute__((always_inline)) inline void switch_fiber(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.lowest, to.bytes);
#endif
#if defined(__x86_64__)
  // Ends in an indirect jump instead of a return: a return to another stack is always mispredicted.
  // Everything not pushed is declared lost, so the compiler saves what it needs.
  void** save = &from.stack_pointer;
  void* load = to.stack_pointer;
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "pushq %%rbp\n\t"
      "pushq %%rbx\n\t"
      "movq %%rsp, (%0)\n\t"
      "movq %1, %%rsp\n\t"
      "popq %%rbx\n\t"
      "popq %%rbp\n\t"
      "popq %%rax\n\t"
      "jmp *%%rax\n"
      "1:"
      : "+D"(save), "+S"(load)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
        "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#else
  swapcontext(&from.context, &to.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

}  // namespace orchid::simt
