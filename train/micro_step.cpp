#include "train/micro_step.h"

namespace orchid::train {
namespace {

/// Shapes that are recorded; more than these are run as they come.
constexpr std::size_t kMostRecordings = 16;

}  // namespace

MicroStep::MicroStep(Context& ctx, model::Model& model, const Task& task, std::uint64_t seed,
                     bool record)
    : ctx_(ctx),
      model_(model),
      task_(task),
      seed_(seed),
      record_(record),
      sums_(ctx.zeros({2}, DType::f64)),
      number_(ctx.zeros({1}, DType::i64)) {}

void MicroStep::run(const data::Batch& batch, std::uint64_t number,
                    model::BlockObserver* observer) {
  const TaskBatch on_host = task_.prepare(ctx_, batch);
  if (record_ && !observer) return run_recorded(on_host, number);
  model::Tape tape(seed_, number);
  tape.set_observer(observer);
  compute(to_device(ctx_, on_host), std::move(tape));
}

void MicroStep::compute(const TaskBatch& batch, model::Tape tape) {
  Tensor outputs = model_.forward(ctx_, batch.input, tape);
  task_.add_score(ctx_, outputs, batch, true, sums_);
  model_.backward(ctx_, outputs, tape);
  ORCHID_CHECK(tape.empty(), "trainer: backward left entries on the tape");
}

/// Rows of the batch, then the size of each tensor, -1 for none: the rest of the shapes is the same
/// all through a run.
MicroStep::Key MicroStep::key_of(TaskBatch& batch) {
  const model::Input& input = batch.input;
  Key key{(input.images.defined() ? input.images : input.ids).shape()[0]};
  std::size_t i = 1;
  for (const Tensor* tensor : batch.tensors()) key[i++] = tensor->defined() ? tensor->count() : -1;
  return key;
}

void MicroStep::run_recorded(TaskBatch batch, std::uint64_t number) {
  const Key key = key_of(batch);
  const bool seen = recordings_.contains(key);
  if (!seen && recordings_.size() == kMostRecordings) {
    const TaskBatch there = to_device(ctx_, batch);
    // Where the recordings work: beside their memory there would be no room for as much again.
    return rehearse_cuda_work(ctx_, [&] { compute(there, model::Tape(seed_, number)); });
  }

  Recording& recording = recordings_[key];
  TaskBatch& home = recording.batch;
  if (!seen) {
    home = to_device(ctx_, batch);
  } else {
    const auto from = batch.tensors(), to = home.tensors();
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i]->defined()) upload(*from[i], *to[i]);
  }
  set_values(number_, {static_cast<double>(number)});
  const auto work = [&] { compute(home, model::Tape(seed_, number_)); };
  if (!seen) return rehearse_cuda_work(ctx_, work);
  if (!recording.work) recording.work = record_cuda_work(ctx_, work);
  recording.work->replay();
  ++replays_;
}

}  // namespace orchid::train
