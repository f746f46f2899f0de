#include <algorithm>

#include "train/comm/nccl_communicator.h"

namespace orchid::train {
namespace {

using namespace std::chrono_literals;

/// How often the watchdog looks, after what time an operation is suspicious, and how often the
/// store is asked for failures of others.
constexpr auto kTick = 20ms;
constexpr double kSuspicious = 2;
constexpr double kAskStore = 1;

}  // namespace

/// NCCL knows no deadlines: this thread does, and ends kernels that wait for a rank that is gone.
void NcclCommunicator::watch() {
  static_cast<void>(cudaSetDevice(device_));
  // Asking for events here may not spoil a graph that another thread is recording.
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode));
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (failure_.empty()) {
      try {
        look();
      } catch (const Error& error) {
        break_with(error.what());
      }
    }
    stop_changed_.wait_for(lock, kTick);
  }
}

void NcclCommunicator::look() {
  while (!flights_.empty()) {
    const cudaError_t state = cudaEventQuery(flights_.front().done);
    if (state == cudaErrorNotReady) break;
    check_cuda(state, "a collective on the device");
    events_.push_back(flights_.front().started);
    events_.push_back(flights_.front().done);
    flights_.pop_front();
  }
  ncclResult_t result = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &result);
  if (asked != ncclSuccess) result = asked;
  if (result != ncclSuccess && result != ncclInProgress) {
    const char* detail = ncclGetLastError(comm_);
    throw Error(str(flights_.empty() ? "between calls" : flights_.front().what, ": ",
                    ncclGetErrorString(result), detail && *detail ? ": " : "",
                    detail ? detail : ""));
  }
  if (!flights_.empty()) look_at(flights_.front());
  if (store_ && world() > 1 && seconds_since(asked_store_) > kAskStore) ask_store();
}

/// What waits behind the work of the context's stream has not started: that may take any time.
void NcclCommunicator::look_at(Flight& flight) {
  if (flight.seen_started == Clock::time_point{}) {
    if (cudaEventQuery(flight.started) == cudaSuccess) flight.seen_started = Clock::now();
    return;
  }
  const double seconds = seconds_since(flight.seen_started);
  if (store_ && world() > 1 && seconds > std::min(kSuspicious, deadline_s_ / 4) && !flight.posted) {
    store_->set(str("at ", rank()), str(flight.ticket));
    flight.posted = true;
  }
  ORCHID_CHECK(seconds < deadline_s_, flight.what, ": not done within ", deadline_s_, " s",
               missing_ranks(flight));
}

/// ", missing rank 3": those that do not wait in the same call.
std::string NcclCommunicator::missing_ranks(const Flight& flight) const {
  std::string ranks;
  for (int r = 0; store_ && r < world(); ++r) {
    if (r == rank() || store_->get(str("at ", r)) == str(flight.ticket)) continue;
    ranks += str(ranks.empty() ? ", missing rank " : ", rank ", r);
  }
  return ranks;
}

void NcclCommunicator::ask_store() {
  asked_store_ = Clock::now();
  const std::optional<std::string> failed = store_->get("failed");
  ORCHID_CHECK(!failed, *failed);
}

void NcclCommunicator::break_with(const std::string& reason) {
  if (failure_.empty()) failure_ = reason;
  if (comm_) static_cast<void>(ncclCommAbort(comm_));
  comm_ = nullptr;
}

}  // namespace orchid::train
