#pragma once

#include "kernels/cuda/launch.h"

namespace orchid::cuda {

/// Starts a copy of 4, 8 or 16 bytes from global to shared memory, past the registers; both
/// addresses are multiples of the size. The thread that started it sees the bytes after
/// wait_copies, the others after a barrier that follows.
template <int kBytes>
inline __device__ void copy_async(void* to, const void* from) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
#if defined(__CUDACC__)
  const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if constexpr (kBytes == 16) {  // cg: not kept in L1
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(from), "n"(kBytes)
                 : "memory");
  }
#else
  simt::issue_async_copy(to, from, kBytes);
#endif
}

/// The same of 16 bytes if `wanted`; else zeros, and `from` is not read.
inline __device__ void copy_async_or_zero(void* to, const void* from, bool wanted) {
#if defined(__CUDACC__)
  const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from),
               "r"(wanted ? 16 : 0)
               : "memory");
#else
  if (wanted)
    simt::issue_async_copy(to, from, 16);
  else
    *static_cast<uint4*>(to) = make_uint4(0, 0, 0, 0);
#endif
}

/// Closes a group: the copies this thread started since the last one.
inline __device__ void commit_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::commit_async_copies();
#endif
}

/// Waits for all groups of this thread but the last `kPending`.
template <int kPending>
inline __device__ void wait_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#else
  simt::wait_async_copies(kPending);
#endif
}

}  // namespace orchid::cuda
