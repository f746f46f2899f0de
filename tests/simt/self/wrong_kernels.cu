// Kernels with one defect each. Their launches must fail with a message that names it.

#include "kernels/cuda/device/async_copy.cuh"
#include "kernels/cuda/device/tensor_core.cuh"
#include "kernels/cuda/launch.h"
#include "tests/simt/self/kernels.h"

namespace orchid::simt::self {
namespace {

using namespace orchid::cuda;

constexpr unsigned kAll = 0xffffffffu;

struct Operands {
  const float* x;
  const float* empty;
  float* y;
  unsigned* counter;
};

__device__ int thread() {
  return static_cast<int>(threadIdx.x);
}

__global__ void barrier_in_a_branch(Operands o) {
  if (thread() < 16) {
    __syncthreads();
  } else {
    o.y[thread()] = __shfl_sync(kAll, o.x[thread()], 0);
  }
}
__global__ void full_mask_in_a_branch(Operands o) {
  if (thread() % 2) o.y[thread()] = __shfl_xor_sync(kAll, o.x[thread()], 1);
}
__global__ void different_collectives(Operands o) {
  if (thread() % 2) {
    o.y[thread()] = __shfl_sync(kAll, o.x[thread()], 0);
  } else {
    o.y[thread()] = static_cast<float>(__any_sync(kAll, 1));
  }
}
__global__ void lane_outside_its_mask(Operands o) {
  o.y[thread()] = __shfl_sync(0x0000ffffu, o.x[thread()], 0);
}
__global__ void reads_a_lane_outside_the_mask(Operands o) {
  if (thread() < 16) o.y[thread()] = __shfl_down_sync(0x0000ffffu, o.x[thread()], 1);
}
__global__ void waits_for_nothing(Operands o) {
  while (atomicAdd(o.counter, 0u) != 77) __nanosleep(20);
}
__global__ void too_much_shared(Operands o) {
  ORCHID_SHARED(float, big, [60 * 1024]);
  big[thread()] = 0;
  o.y[thread()] = big[thread()];
}

/// With dynamic memory beside it, more than a block has without asking.
__global__ void static_beside_dynamic(Operands o) {
  ORCHID_SHARED(float, part, [5 * 1024]);
  part[thread()] = dynamic_shared<float>()[thread()] = 1;
  o.y[thread()] = part[thread()];
}

__global__ void no_barrier(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  s[thread()] = o.x[thread()];
  o.y[thread()] = s[63 - thread()];
}
__global__ void no_barrier_before_reuse(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  float sum = 0;
  for (int i = 0; i < 3; ++i) {
    s[thread()] = o.x[thread() + i * 64];
    __syncthreads();
    sum += s[63 - thread()];
  }
  o.y[thread()] = sum;
}
__global__ void shuffle_instead_of_syncwarp(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  s[thread()] = o.x[thread()];
  const float other = __shfl_xor_sync(kAll, o.x[thread()], 1);
  o.y[thread()] = s[thread() ^ 1] + other;
}
__global__ void syncwarp_between_warps(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  s[thread()] = o.x[thread()];
  __syncwarp();
  o.y[thread()] = s[(thread() + 32) % 64];
}
__global__ void all_write_one(Operands o) {
  o.y[0] += o.x[thread()];
}
__global__ void blocks_write_one(Operands o) {
  if (thread() == 0) o.y[0] = o.x[blockIdx.x];
}
__global__ void last_block_without_fence(Operands o) {
  ORCHID_SHARED(bool, last);
  if (thread() == 0) {
    o.y[1 + blockIdx.x] = o.x[blockIdx.x];
    last = atomicAdd(o.counter, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && thread() == 0) o.y[0] = o.y[1] + o.y[2];
}
__global__ void bf16_neighbours_in_one_word(Operands o) {  // reads its word, writes half of it
  auto* words = reinterpret_cast<unsigned*>(o.y);
  const unsigned word = words[thread() / 2];
  words[thread() / 2] = thread() % 2 ? (word & 0xffffu) | 0x10000u : (word & 0xffff0000u) | 1u;
}

__global__ void uninitialised_shared(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  if (thread() < 60) s[thread()] = o.x[thread()];
  __syncthreads();
  o.y[thread()] = s[thread()];
}
__global__ void uninitialised_global(Operands o) {
  o.y[thread()] = o.empty[thread()];
}
__global__ void one_past_shared(Operands o) {
  float* s = dynamic_shared<float>();  // 64 of them
  s[thread() + 1] = o.x[thread()];
  __syncthreads();
  o.y[thread()] = s[thread() + 1];
}
__global__ void index_past_an_array(Operands o) {
  ORCHID_SHARED(float, s, [64]);
  s[thread() + 1] = o.x[thread()];
}
__global__ void index_past_a_local_array(Operands o) {
  float own[4] = {};
  for (int i = 0; i <= static_cast<int>(o.x[4095] * 0) + 4; ++i) own[i] = o.x[i];
  o.y[thread()] = own[thread() % 4];
}
__global__ void one_past_global_read(Operands o) {
  o.y[thread()] = o.x[4096 - 63 + thread()];
}
__global__ void before_global_write(Operands o) {
  o.y[thread() - 1] = 0;
}
__global__ void misaligned_float(Operands o) {
  o.y[thread()] =
      *reinterpret_cast<const float*>(reinterpret_cast<const char*>(o.x) + 4 * thread() + 2);
}
__global__ void misaligned_vector(Operands o) {
  const float4 four = *reinterpret_cast<const float4*>(o.x + 4 * thread() + 1);
  o.y[thread()] = four.x + four.y + four.z + four.w;
}
__global__ void host_pointer(const float* host, Operands o) {
  o.y[thread()] = host[thread()];
}

template <bool kWait, bool kBarrier>
__global__ void tiles_by_async_copies(Operands o) {
  ORCHID_SHARED(float4, s, [64]);
  float sum = 0;
  for (int tile = 0; tile < 3; ++tile) {
    copy_async<16>(s + thread(), o.x + tile * 256 + thread() * 4);
    commit_copies();
    if constexpr (kWait) wait_copies<0>();
    __syncthreads();
    sum += s[63 - thread()].x;
    if constexpr (kBarrier) __syncthreads();
  }
  o.y[thread()] = sum;
}

/// The second warp loads matrices whose rows the first one wrote.
template <bool kBarrier>
__device__ void load_rows_of_others(Operands o, int written, int late) {
  ORCHID_SHARED(float4, s, [33]);
  if (thread() < written) s[thread()] = reinterpret_cast<const float4*>(o.x)[thread()];
  if constexpr (kBarrier) __syncthreads();
  if (thread() < 32) return;
  unsigned got[4];
  load_matrices<false>(reinterpret_cast<const char*>(s + thread() % 32) + late, got);
  o.y[thread()] = __uint_as_float(got[0] + got[1] + got[2] + got[3]);
}
__global__ void matrices_without_barrier(Operands o) {
  load_rows_of_others<false>(o, 32, 0);
}
__global__ void matrices_nobody_wrote(Operands o) {
  load_rows_of_others<true>(o, 31, 0);
}
__global__ void misaligned_matrices(Operands o) {
  load_rows_of_others<true>(o, 33, 8);
}
__global__ void matrices_past_shared(Operands o) {
  load_rows_of_others<true>(o, 33, 32);
}
__global__ void product_in_a_branch(Operands o) {
  if (thread() % 2) return;
  float d[4] = {};
  const unsigned a[4] = {};
  multiply_add(d, a, 0, 0);
  o.y[thread()] = d[0];
}

struct Case {
  Wrong wrong;
  void (*kernel)(Operands);
  unsigned blocks = 1;
  std::size_t shared = 256;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {{"barrier in a branch", "deadlock", false}, barrier_in_a_branch},
      {{"full mask in a branch", "reads lane", false}, full_mask_in_a_branch},
      {{"different collectives", "different collectives", false}, different_collectives},
      {{"lane outside its mask", "not in its mask", false}, lane_outside_its_mask},
      {{"reads a lane outside the mask", "not in the mask", false}, reads_a_lane_outside_the_mask},
      {{"waits for nothing", "spin without end", false}, waits_for_nothing},
      {{"too much shared memory", "no room for big", false}, too_much_shared},
      {{"static beside dynamic shared memory", "no room for part", false},
       static_beside_dynamic,
       1,
       30 * 1024},
      {{"no barrier", "race", true}, no_barrier},
      {{"no barrier before reuse", "race", true}, no_barrier_before_reuse},
      {{"shuffle instead of syncwarp", "race", true}, shuffle_instead_of_syncwarp},
      {{"syncwarp between warps", "race", true}, syncwarp_between_warps},
      {{"all write one", "race", true}, all_write_one},
      {{"blocks write one", "race", true}, blocks_write_one, 3},
      {{"last block without a fence", "race", true}, last_block_without_fence, 2},
      {{"bf16 neighbours in one word", "race", true}, bf16_neighbours_in_one_word},
      {{"uninitialised shared memory", "uninitialised", true}, uninitialised_shared},
      {{"uninitialised global memory", "uninitialised", true}, uninitialised_global},
      {{"one past shared memory", "out of bounds", true}, one_past_shared},
      {{"index past an array", "out of bounds", true}, index_past_an_array},
      {{"index past a local array", "out of bounds", true}, index_past_a_local_array},
      {{"read past global memory", "out of bounds", true}, one_past_global_read},
      {{"write before global memory", "out of bounds", true}, before_global_write},
      {{"misaligned float", "misaligned", true}, misaligned_float},
      {{"misaligned vector", "misaligned", true}, misaligned_vector},
      {{"async copy without wait", "uninitialised", true}, tiles_by_async_copies<false, true>},
      {{"async copy over what is read", "race", true}, tiles_by_async_copies<true, false>},
      {{"matrices without a barrier", "race", true}, matrices_without_barrier},
      {{"matrices nobody wrote", "uninitialised", true}, matrices_nobody_wrote},
      {{"misaligned matrices", "misaligned", false}, misaligned_matrices},
      {{"matrices past shared memory", "out of bounds", true}, matrices_past_shared},
      {{"product in a branch", "expected all lanes", false}, product_in_a_branch},
  };
  return all;
}

}  // namespace

std::vector<Wrong> wrong_kernels() {
  std::vector<Wrong> all;
  for (const Case& each : cases()) all.push_back(each.wrong);
  all.push_back({"host pointer", "host memory", true});
  return all;
}

void run_wrong(const std::string& name, const float* x, const float* empty, float* y,
               unsigned* counter) {
  static const std::vector<float> on_host(64);
  const Operands operands{x, empty, y, counter};
  if (name == "host pointer")
    return launch({.grid = 1, .block = 64, .name = "wrong"}, host_pointer, on_host.data(),
                  operands);
  for (const Case& each : cases())
    if (each.wrong.name == name)
      launch({.grid = each.blocks, .block = 64, .shared = each.shared, .name = "wrong"},
             each.kernel, operands);
}

}  // namespace orchid::simt::self
