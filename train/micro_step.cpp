#include "train/micro_step.h"

namespace orchid::train {
namespace {

/// Shapes that are recorded; more than these are run as they come.
constexpr std::size_t kMostRecordings = 16;

std::int64_t count_of(const Tensor& tensor) {
  return tensor.defined() ? tensor.count() : -1;
}

void copy_if_defined(const Tensor& from, Tensor& to) {
  if (from.defined()) copy(from, to);
}

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

void MicroStep::run(const data::Batch& batch, std::uint64_t number) {
  const TaskBatch on_host = task_.prepare(ctx_, batch);
  if (record_) return run_recorded(on_host, number);
  compute(to_device(ctx_, on_host), model::Tape(seed_, number));
}

void MicroStep::compute(const TaskBatch& batch, model::Tape tape) {
  Tensor outputs = model_.forward(ctx_, batch.input, tape);
  task_.add_score(ctx_, outputs, batch.targets, true, sums_);
  model_.backward(ctx_, outputs, tape);
  ORCHID_CHECK(tape.empty(), "trainer: backward left entries on the tape");
}

void MicroStep::run_recorded(const TaskBatch& batch, std::uint64_t number) {
  const model::Input& from = batch.input;
  const Shape& ids = from.ids.shape();
  const Key key{ids[0],
                ids[1],
                count_of(from.segments),
                count_of(from.mask),
                count_of(from.rows),
                batch.targets.count()};
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
    copy(from.ids, home.input.ids);
    copy_if_defined(from.segments, home.input.segments);
    copy_if_defined(from.mask, home.input.mask);
    copy_if_defined(from.rows, home.input.rows);
    copy(batch.targets, home.targets);
  }
  set_values(number_, {static_cast<double>(number)});
  const auto work = [&] { compute(home, model::Tape(seed_, number_)); };
  if (!seen) return rehearse_cuda_work(ctx_, work);
  if (!recording.work) recording.work = record_cuda_work(ctx_, work);
  recording.work->replay();
  ++replays_;
}

}  // namespace orchid::train
