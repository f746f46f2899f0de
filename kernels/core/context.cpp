#include "kernels/core/context.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include <sched.h>

#include "kernels/core/cuda_part.h"

namespace orchid {
namespace {

/// Distinct physical cores among the CPUs this process may run on.
int physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file(str("/sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list"));
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = str(cpu);
    cores.insert(siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const int threads = std::atoi(text);
    if (threads > 0) return threads;
  }
  return physical_cores();
}

std::shared_ptr<Memory> make_memory(Device device) {
  if (device.type == DeviceType::cpu) return make_host_pool();
  ORCHID_CHECK(built_with_cuda(), "context: ", device, " needs a build with CUDA");
  return make_cuda_memory(device.index);
}

}  // namespace

Context::Context(Device device, DType compute, int threads)
    : device_(device),
      compute_(compute),
      threads_(threads > 0 ? threads : default_threads()),
      memory_(make_memory(device)) {
  const DType other = device.type == DeviceType::cpu ? DType::f64 : DType::bf16;
  ORCHID_CHECK(compute == DType::f32 || compute == other, "context: expected f32 or ",
               name_of(other), " on ", device, ", got ", name_of(compute));
}

Context Context::planning(DType compute) {
  Context ctx(Device{}, DType::f32, 1);
  ctx.compute_ = compute;
  ctx.planning_ = true;
  ctx.memory_ = make_counting_memory();
  return ctx;
}

Tensor Context::zeros(const Shape& shape, DType dtype) const {
  Tensor tensor = empty(shape, dtype);
  if (tensor.bytes() > 0) memory_->zero(tensor.raw(), tensor.bytes());
  return tensor;
}

}  // namespace orchid
