#pragma once

#include <map>
#include <memory>
#include <string>
#include <typeinfo>

#include "kernels/core/tensor.h"
#include "kernels/core/trace.h"

namespace orchid {

/// Where and in what precision work runs. Passed to everything that computes; used from one
/// thread at a time (the ops use `threads` threads inside).
class Context {
 public:
  /// `threads` 0: OMP_NUM_THREADS if set, else the physical cores of this process.
  explicit Context(Device device = {}, DType compute = DType::f32, int threads = 0);

  /// A context in which ops only check their operands and add to `tally`: no memory is allocated
  /// and nothing is computed. What a model would need is found by running it here.
  static Context planning(DType compute = DType::f32);
  bool is_planning() const { return planning_; }

  Device device() const { return device_; }
  /// Element type of activations: f32, bf16 on a GPU, or f64 in tests on the CPU.
  DType compute() const { return compute_; }
  /// Element type of parameters, their gradients, statistics and spectra.
  DType accumulate() const { return accumulate_type(compute_); }
  int threads() const { return threads_; }
  /// Whether products of float32 on a GPU may round their operands to tf32 (10 bits); at first not.
  bool allow_tf32() const { return allow_tf32_; }
  void set_allow_tf32(bool allow) { allow_tf32_ = allow; }
  const std::shared_ptr<Memory>& memory() const { return memory_; }

  /// Whether double precision rounds what a bf16 run stores to bf16, to tell the error of its
  /// arithmetic from that of its storage; at first not.
  bool simulates_bf16() const { return simulates_bf16_; }
  void set_simulates_bf16(bool simulate) { simulates_bf16_ = simulate; }

  Tensor empty(const Shape& shape) const { return empty(shape, compute_); }
  Tensor empty(const Shape& shape, DType dtype) const {
    return Tensor::empty(shape, dtype, memory_);
  }
  Tensor zeros(const Shape& shape) const { return zeros(shape, compute_); }
  Tensor zeros(const Shape& shape, DType dtype) const;

  /// Work of the ops run so far, while planning.
  struct Tally {
    double flops = 0;
    double bytes = 0;  ///< operands read and written once each
  };
  Tally tally;

  /// Set to collect time per op; null: off.
  Trace* trace = nullptr;

  /// State a backend keeps between calls (plans, handles), made on first use and named by type:
  ///   auto& plans = ctx.state<FftPlans>();
  template <class State>
  State& state() {
    std::shared_ptr<void>& slot = states_[typeid(State).name()];
    if (!slot) slot = std::make_shared<State>();
    return *static_cast<State*>(slot.get());
  }

 private:
  bool planning_ = false;
  Device device_;
  DType compute_;
  int threads_;
  bool allow_tf32_ = false;
  bool simulates_bf16_ = false;
  std::shared_ptr<Memory> memory_;
  std::map<std::string, std::shared_ptr<void>, std::less<>> states_;
};

}  // namespace orchid
