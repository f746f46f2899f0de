#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <cuda_runtime_api.h>

#include <nccl.h>

#include "train/comm/backends.h"

namespace orchid::train {

inline void check_cuda(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw Error(str(doing, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")"));
}

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Ranks on GPUs. Calls go to a stream of its own (nccl.cpp); a thread watches over them
/// (nccl_watch.cpp), since NCCL itself knows no deadlines.
class NcclCommunicator final : public Communicator {
 public:
  explicit NcclCommunicator(const NcclSetup& setup);
  ~NcclCommunicator() override;
  const char* backend() const override { return "nccl"; }

 private:
  using Clock = std::chrono::steady_clock;

  /// An operation on the communicator's stream, between the two events.
  struct Flight {
    std::int64_t ticket = 0;
    std::string what;
    cudaEvent_t started = nullptr, done = nullptr;
    Clock::time_point seen_started{};  ///< when the watchdog found it so; its epoch: not yet
    bool posted = false;               ///< that it takes long, in the store
  };

  /// A wait of the compute stream, between two events that measure time.
  struct Wait {
    cudaEvent_t asked = nullptr, over = nullptr;
  };

  void start(Context&, const CommCall&) override;
  void finish(Context&, const CommCall&) override;
  double stream_seconds() override;
  void run_on_host(const CommCall&) override;
  std::string failure() override;
  void announce(const std::string& reason) override;

  void join();
  void queue(const CommCall&, const void* in, void* out);
  ncclResult_t call_nccl(const CommCall&, const void* in, void* out);
  /// Waits while NCCL says that it is still at work on what it was asked.
  void settle(ncclResult_t, const char* doing);
  void wait_on_host(cudaEvent_t);
  void reserve_host(std::size_t bytes);
  cudaEvent_t take_event();

  void watch();
  // With mutex_ held:
  void look();
  void look_at(Flight&);
  void ask_store();
  std::string missing_ranks(const Flight&) const;
  void break_with(const std::string& reason);

  std::shared_ptr<Memory> memory_;
  std::shared_ptr<Store> store_;
  double deadline_s_;
  int device_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t ready_ = nullptr;
  void* device_numbers_ = nullptr;
  void* pinned_numbers_ = nullptr;
  std::size_t numbers_bytes_ = 0;
  std::deque<Wait> waits_;  ///< the oldest first
  std::vector<Wait> free_waits_;
  double stream_seconds_ = 0;

  std::mutex mutex_;  ///< of everything below; no thread is in NCCL without it
  ncclComm_t comm_ = nullptr;
  std::string failure_;
  std::deque<Flight> flights_;
  std::vector<cudaEvent_t> events_;
  Clock::time_point asked_store_ = Clock::now();
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread watchdog_;
};

}  // namespace orchid::train
