// The functions that kernels compiled with -fsanitize=thread,alignment,bounds call. The program is
// linked without the sanitizers' libraries: these take their place.

#include <cstdint>
#include <cstdio>

#include "tests/simt/checker/access_checker.h"
#include "tests/simt/device/error.h"
#include "tests/simt/executor.h"

using namespace orchid::simt;

namespace {

inline void check(const void* address, std::size_t bytes, AccessKind kind, const void* code) {
  if (!kernel_code_runs) return;
  // What the checker itself does is not to be checked, should it share a function with a kernel.
  kernel_code_runs = false;
  access_checker.access(address, bytes, kind, code);
  kernel_code_runs = true;
}

/// As the compiler lays them out for its handlers.
struct SourceLocation {
  const char* file;
  std::uint32_t line, column;
};
struct TypeMismatch {
  SourceLocation where;
  const void* type;
  unsigned char log_alignment, kind;
};
struct OutOfBounds {
  SourceLocation where;
  const void *array_type, *index_type;
};

std::string place(const SourceLocation& where) {
  const std::string file = where.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line);
}

}  // namespace

extern "C" {

#define SIMT_HOOK(name, bytes, kind)                                      \
  void name(const void* address) {                                        \
    check(address, bytes, AccessKind::kind, __builtin_return_address(0)); \
  }
#define SIMT_HOOKS(bytes)                              \
  SIMT_HOOK(__tsan_read##bytes, bytes, read)           \
  SIMT_HOOK(__tsan_write##bytes, bytes, write)         \
  SIMT_HOOK(__tsan_unaligned_read##bytes, bytes, read) \
  SIMT_HOOK(__tsan_unaligned_write##bytes, bytes, write)
SIMT_HOOKS(1)
SIMT_HOOKS(2)
SIMT_HOOKS(4)
SIMT_HOOKS(8)
SIMT_HOOKS(16)
#undef SIMT_HOOKS
#undef SIMT_HOOK

void __tsan_read_range(const void* address, std::size_t bytes) {
  check(address, bytes, AccessKind::read, __builtin_return_address(0));
}
void __tsan_write_range(const void* address, std::size_t bytes) {
  check(address, bytes, AccessKind::write, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

// Atomics of the C++ library, which host code in .cu files uses; kernels have atomicAdd and so on.
#define SIMT_ATOMICS(bits)                                                                        \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* a, int) {    \
    return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                               \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* a, std::uint##bits##_t v, int) { \
    __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile std::uint##bits##_t* a,            \
                                                      std::uint##bits##_t v, int) {               \
    return __atomic_fetch_add(a, v, __ATOMIC_SEQ_CST);                                            \
  }                                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_fetch_sub(volatile std::uint##bits##_t* a,            \
                                                      std::uint##bits##_t v, int) {               \
    return __atomic_fetch_sub(a, v, __ATOMIC_SEQ_CST);                                            \
  }                                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_exchange(volatile std::uint##bits##_t* a,             \
                                                     std::uint##bits##_t v, int) {                \
    return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST);                                           \
  }                                                                                               \
  int __tsan_atomic##bits##_compare_exchange_strong(                                              \
      volatile std::uint##bits##_t* a, std::uint##bits##_t* c, std::uint##bits##_t v, int, int) { \
    return __atomic_compare_exchange_n(a, c, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
  }
SIMT_ATOMICS(8)
SIMT_ATOMICS(32)
SIMT_ATOMICS(64)
#undef SIMT_ATOMICS

void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, std::uintptr_t) {
  const std::string text = "an address that is no multiple of " +
                           std::to_string(1u << data->log_alignment) + ", at " + place(data->where);
  if (!kernel_code_runs) return report_failure("misaligned: host code uses " + text);
  kernel_code_runs = false;
  access_checker.report("misaligned", __builtin_return_address(0), text);
  kernel_code_runs = true;
}

void __ubsan_handle_out_of_bounds(OutOfBounds* data, std::uintptr_t index) {
  const std::string text = "out of bounds: index " +
                           std::to_string(static_cast<std::intptr_t>(index)) + " of an array, at " +
                           place(data->where);
  if (!kernel_code_runs) return report_failure(text);
  fail("%s", text.c_str());
}

}  // extern "C"
