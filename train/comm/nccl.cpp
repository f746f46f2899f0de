// Built as a library of its own (liborchid_nccl.so), the only code of ours that knows NCCL.
#include <algorithm>
#include <cstring>

#include "kernels/core/cuda_part.h"
#include "train/comm/nccl_communicator.h"

namespace orchid::train {
namespace {

using namespace std::chrono_literals;

/// Seconds that a communicator may take to end.
constexpr double kMostEnd = 20;
/// Seconds that the store may take to hear why this rank gives up.
constexpr double kMostLastWords = 5;

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ncclFloat32;
    case DType::f64:
      return ncclFloat64;
    case DType::bf16:
      return ncclBfloat16;
    case DType::i32:
      return ncclInt32;
    case DType::i64:
      return ncclInt64;
    case DType::u8:
      return ncclUint8;
  }
  return ncclNumTypes;
}

}  // namespace

NcclCommunicator::NcclCommunicator(const NcclSetup& setup)
    : Communicator(setup.rank, setup.world),
      memory_(setup.memory),
      store_(setup.store),
      deadline_s_(setup.options.deadline_s),
      device_(setup.memory->device().index) {
  ORCHID_CHECK(setup.memory->device().type == DeviceType::cuda,
               "nccl: expected memory of a GPU, got ", setup.memory->device());
  ORCHID_CHECK(world() == 1 || store_, "nccl: ", world(), " ranks need a store");
  check_cuda(cudaSetDevice(device_), "cudaSetDevice");
  int least = 0, greatest = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "stream priorities");
  check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest), "a stream");
  check_cuda(cudaEventCreateWithFlags(&ready_, cudaEventDisableTiming), "an event");
  with_context(str("nccl: rank ", rank(), " of ", world(), " on ", memory_->device()),
               [&] { join(); });
  watchdog_ = std::thread([this] { watch(); });
}

void NcclCommunicator::join() {
  ncclUniqueId id{};
  if (rank() == 0) settle(ncclGetUniqueId(&id), "making an id");
  if (world() > 1 && rank() == 0)
    store_->set("nccl id", std::string(id.internal, sizeof id.internal));
  if (rank() != 0) {
    const std::string bytes = wait_for(*store_, "nccl id", deadline_s_, "NCCL's id of rank 0");
    ORCHID_CHECK(bytes.size() == sizeof id.internal, "NCCL's id: expected ", sizeof id.internal,
                 " bytes, got ", bytes.size(), "; do all ranks run one version?");
    std::memcpy(id.internal, bytes.data(), bytes.size());
  }
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // otherwise it could not be aborted
  const ncclResult_t result = ncclCommInitRankConfig(&comm_, world(), id, rank(), &config);
  try {
    settle(result, "meeting the other ranks");
  } catch (...) {
    if (comm_) static_cast<void>(ncclCommAbort(comm_));
    throw;
  }
}

NcclCommunicator::~NcclCommunicator() {
  if (watchdog_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    stop_changed_.notify_all();
    watchdog_.join();
  }
  if (comm_) {
    const Clock::time_point begin = Clock::now();
    ncclResult_t result = ncclCommFinalize(comm_);
    while (result == ncclInProgress && seconds_since(begin) < kMostEnd) {
      std::this_thread::sleep_for(1ms);
      if (ncclCommGetAsyncError(comm_, &result) != ncclSuccess) break;
    }
    static_cast<void>(result == ncclSuccess ? ncclCommDestroy(comm_) : ncclCommAbort(comm_));
  }
  for (const Flight& flight : flights_)
    for (const cudaEvent_t event : {flight.started, flight.done})
      static_cast<void>(cudaEventDestroy(event));
  for (const cudaEvent_t event : events_) static_cast<void>(cudaEventDestroy(event));
  free_waits_.insert(free_waits_.end(), waits_.begin(), waits_.end());
  for (const Wait& wait : free_waits_)
    for (const cudaEvent_t event : {wait.asked, wait.over})
      static_cast<void>(cudaEventDestroy(event));
  static_cast<void>(cudaEventDestroy(ready_));
  static_cast<void>(cudaFree(device_numbers_));
  static_cast<void>(cudaFreeHost(pinned_numbers_));
  static_cast<void>(cudaStreamDestroy(stream_));
}

void NcclCommunicator::settle(ncclResult_t result, const char* doing) {
  const Clock::time_point begin = Clock::now();
  while (result == ncclInProgress) {
    std::this_thread::sleep_for(50us);
    const std::lock_guard lock(mutex_);
    ORCHID_CHECK(failure_.empty(), failure_);
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &result);
    if (asked != ncclSuccess) result = asked;
    ORCHID_CHECK(result != ncclInProgress || seconds_since(begin) < deadline_s_, doing,
                 ": not done within ", deadline_s_, " s");
  }
  if (result == ncclSuccess) return;
  const std::lock_guard lock(mutex_);
  const char* detail = ncclGetLastError(comm_);
  throw Error(str(doing, ": ", ncclGetErrorString(result), detail && *detail ? ": " : "",
                  detail ? detail : "",
                  result == ncclInvalidUsage ? "; has each rank a GPU of its own?" : "",
                  "; NCCL_DEBUG=WARN says more"));
}

cudaEvent_t NcclCommunicator::take_event() {
  const std::lock_guard lock(mutex_);
  cudaEvent_t event = nullptr;
  if (events_.empty()) {
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  } else {
    event = events_.back();
    events_.pop_back();
  }
  return event;
}

ncclResult_t NcclCommunicator::call_nccl(const CommCall& call, const void* in, void* out) {
  const ncclDataType_t type = type_of(call.in.dtype());
  const ncclRedOp_t op = call.reduce == Reduce::sum ? ncclSum : ncclMax;
  const auto count_in = static_cast<std::size_t>(call.in.count());
  const auto count_out = static_cast<std::size_t>(call.out.count());
  const std::lock_guard lock(mutex_);
  ORCHID_CHECK(failure_.empty(), failure_);
  switch (call.kind) {
    case CallKind::reduce_scatter:
      return ncclReduceScatter(in, out, count_out, type, op, comm_, stream_);
    case CallKind::all_gather:
      return ncclAllGather(in, out, count_in, type, comm_, stream_);
    case CallKind::broadcast:
      return ncclBroadcast(in, out, count_in, type, call.root, comm_, stream_);
    case CallKind::all_reduce:
    case CallKind::host_reduce:
    case CallKind::barrier:
      break;
  }
  return ncclAllReduce(in, out, count_in, type, op, comm_, stream_);
}

/// The operation on the communicator's stream, watched from here on.
void NcclCommunicator::queue(const CommCall& call, const void* in, void* out) {
  Flight flight{.ticket = call.ticket, .what = str("step ", call.step, ": ", describe(call))};
  flight.started = take_event();
  flight.done = take_event();
  check_cuda(cudaEventRecord(flight.started, stream_), "recording an event");
  settle(call_nccl(call, in, out), "queueing");
  check_cuda(cudaEventRecord(flight.done, stream_), "recording an event");
  const std::lock_guard lock(mutex_);
  flights_.push_back(flight);
}

void NcclCommunicator::start(Context& ctx, const CommCall& call) {
  ORCHID_CHECK(ctx.device() == memory_->device(), "expected work on ", memory_->device(), ", got ",
               ctx.device());
  const auto compute = static_cast<cudaStream_t>(cuda_stream(*ctx.memory()));
  check_cuda(cudaEventRecord(ready_, compute), "recording an event");
  check_cuda(cudaStreamWaitEvent(stream_, ready_, 0), "waiting for an event");
  Tensor out = call.out;
  queue(call, call.in.raw(), out.raw());
}

void NcclCommunicator::finish(Context& ctx, const CommCall& call) {
  const auto compute = static_cast<cudaStream_t>(cuda_stream(*ctx.memory()));
  Wait wait;
  if (free_waits_.empty()) {
    check_cuda(cudaEventCreate(&wait.asked), "an event");
    check_cuda(cudaEventCreate(&wait.over), "an event");
  } else {
    wait = free_waits_.back();
    free_waits_.pop_back();
  }
  waits_.push_back(wait);
  check_cuda(cudaEventRecord(wait.asked, compute), "recording an event");
  {
    const std::lock_guard lock(mutex_);
    for (const Flight& flight : flights_)
      if (flight.ticket == call.ticket)
        check_cuda(cudaStreamWaitEvent(compute, flight.done, 0), "waiting for an event");
  }
  check_cuda(cudaEventRecord(wait.over, compute), "recording an event");
}

double NcclCommunicator::stream_seconds() {
  for (; !waits_.empty() && cudaEventQuery(waits_.front().over) == cudaSuccess;
       waits_.pop_front()) {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, waits_.front().asked, waits_.front().over),
               "reading an event");
    stream_seconds_ += static_cast<double>(milliseconds) / 1e3;
    free_waits_.push_back(waits_.front());
  }
  static_cast<void>(cudaGetLastError());  // "not ready" is no error
  return stream_seconds_;
}

void NcclCommunicator::reserve_host(std::size_t bytes) {
  if (bytes <= numbers_bytes_) return;
  bytes = std::max(bytes, std::size_t{4096});
  static_cast<void>(cudaFree(device_numbers_));
  static_cast<void>(cudaFreeHost(pinned_numbers_));
  device_numbers_ = pinned_numbers_ = nullptr;
  numbers_bytes_ = 0;
  check_cuda(cudaMalloc(&device_numbers_, bytes), "cudaMalloc");
  check_cuda(cudaMallocHost(&pinned_numbers_, bytes), "cudaMallocHost");
  numbers_bytes_ = bytes;
}

/// Numbers of the host travel over the device, on the communicator's stream alone, so that the host
/// does not wait for other work there.
void NcclCommunicator::run_on_host(const CommCall& asked) {
  CommCall call = asked;
  if (call.kind == CallKind::barrier) {
    call.in = call.out = Tensor::empty({1}, DType::i64, make_host_pool());
    call.in.data<std::int64_t>()[0] = 1;
  }
  const std::size_t bytes = call.in.bytes();
  reserve_host(bytes);
  std::memcpy(pinned_numbers_, call.in.raw(), bytes);
  check_cuda(
      cudaMemcpyAsync(device_numbers_, pinned_numbers_, bytes, cudaMemcpyHostToDevice, stream_),
      "copying numbers");
  queue(call, device_numbers_, device_numbers_);
  const cudaEvent_t copied = take_event();
  check_cuda(
      cudaMemcpyAsync(pinned_numbers_, device_numbers_, bytes, cudaMemcpyDeviceToHost, stream_),
      "copying numbers");
  check_cuda(cudaEventRecord(copied, stream_), "recording an event");
  wait_on_host(copied);
  std::memcpy(call.out.raw(), pinned_numbers_, bytes);
  const std::lock_guard lock(mutex_);
  events_.push_back(copied);
}

void NcclCommunicator::wait_on_host(cudaEvent_t event) {
  const Clock::time_point begin = Clock::now();
  for (;;) {
    const cudaError_t state = cudaEventQuery(event);
    if (state == cudaErrorNotReady) static_cast<void>(cudaGetLastError());  // no error of an op
    const std::string failed = failure();
    ORCHID_CHECK(failed.empty(), failed);
    if (state == cudaSuccess) return;
    if (state != cudaErrorNotReady) check_cuda(state, "waiting for the device");
    if (seconds_since(begin) > 1e-3) std::this_thread::sleep_for(50us);
  }
}

std::string NcclCommunicator::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void NcclCommunicator::announce(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = reason;  // the watchdog is done
  }
  // Before the connections break, which is all that the others would be told else.
  if (store_ && world() > 1) store_->try_set("failed", reason, kMostLastWords);
  const std::lock_guard lock(mutex_);
  break_with(reason);
}

}  // namespace orchid::train

extern "C" __attribute__((visibility("default"))) orchid::train::Communicator* orchid_make_nccl(
    const orchid::train::NcclSetup& setup) {
  return new orchid::train::NcclCommunicator(setup);
}
