#pragma once

#include <cstdint>
#include <memory>
#include <typeinfo>
#include <utility>
#include <vector>

#include "kernels/core/error.h"
#include "kernels/core/tensor.h"

namespace orchid::model {

/// Told how far a step of training has come in a stack of blocks, so that communication can go on
/// beside it.
class BlockObserver {
 public:
  virtual ~BlockObserver() = default;
  /// From here on the values of block number `block` are read; those of later blocks not yet.
  virtual void forward_reaches(std::int64_t block) = 0;
  /// The gradients of this block, of later ones and of what follows the stack are complete.
  virtual void backward_leaves(std::int64_t block) = 0;
};

/// What forward keeps for backward: a stack, because backward is forward read in reverse. One tape
/// a micro-batch. It also carries what forward must know of the step: training or not, and the
/// numbers that key dropout.
class Tape {
 public:
  /// Training. `step` is unique for each micro-batch of a run (and rank): it keys dropout.
  Tape(std::uint64_t seed, std::uint64_t step) : training_(true), seed_(seed), step_(step) {}
  /// Training, where the step is read from `device_step` (1) i64 by the ops themselves: what this
  /// tape's forward and backward queue can be recorded and repeated for other steps.
  Tape(std::uint64_t seed, Tensor device_step)
      : training_(true), seed_(seed), device_step_(std::move(device_step)) {}
  /// Evaluation: keeps nothing; no dropout; running statistics.
  static Tape off() { return Tape(); }

  bool training() const { return training_; }
  std::uint64_t seed() const { return seed_; }
  std::uint64_t step() const { return step_; }
  const Tensor& device_step() const { return device_step_; }
  bool empty() const { return entries_.empty(); }
  /// Told by the stack of blocks from here on; must outlive the tape. Null: nobody is.
  void set_observer(BlockObserver* observer) { observer_ = observer; }
  BlockObserver* observer() const { return observer_; }
  /// Another tape of the same step, with nothing on it, which nobody observes.
  Tape fresh() const {
    Tape tape;
    tape.training_ = training_;
    tape.seed_ = seed_;
    tape.step_ = step_;
    tape.device_step_ = device_step_;
    return tape;
  }

  template <class Saved>
  void save(Saved saved) {
    if (training_) entries_.push_back(std::make_unique<Entry<Saved>>(std::move(saved)));
  }

  /// Takes the last entry, and with it its memory, off the tape.
  template <class Saved>
  Saved take() {
    ORCHID_CHECK(!entries_.empty(), "tape: empty; was forward run with a training tape?");
    auto* entry = dynamic_cast<Entry<Saved>*>(entries_.back().get());
    ORCHID_CHECK(entry, "tape: backward must mirror forward: asked for ", typeid(Saved).name(),
                 ", the last entry is another");
    Saved saved = std::move(entry->value);
    entries_.pop_back();
    return saved;
  }

 private:
  Tape() = default;

  struct AnyEntry {
    virtual ~AnyEntry() = default;
  };
  template <class Saved>
  struct Entry final : AnyEntry {
    explicit Entry(Saved saved) : value(std::move(saved)) {}
    Saved value;
  };

  bool training_ = false;
  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
  Tensor device_step_;  ///< undefined: the step is step_
  BlockObserver* observer_ = nullptr;
  std::vector<std::unique_ptr<AnyEntry>> entries_;
};

}  // namespace orchid::model
