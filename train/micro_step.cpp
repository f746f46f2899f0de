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

MicroStep::MicroStep(Context& ctx, model::Model& model, std::uint64_t seed, bool record)
    : ctx_(ctx),
      model_(model),
      seed_(seed),
      record_(record),
      sums_(ctx.zeros({2}, DType::f64)),
      number_(ctx.zeros({1}, DType::i64)) {}

void MicroStep::run(const data::Batch& batch, std::uint64_t number) {
  const MlmBatch on_host = mlm_batch(ctx_, batch);
  if (record_) return run_recorded(on_host, number);
  compute(to_device(ctx_, on_host), model::Tape(seed_, number));
}

void MicroStep::compute(const MlmBatch& batch, model::Tape tape) {
  Tensor logits = model_.forward(ctx_, batch.input, tape);
  add_score(ctx_, logits, batch.targets, true, sums_);
  model_.backward(ctx_, logits, tape);
  ORCHID_CHECK(tape.empty(), "trainer: backward left entries on the tape");
}

void MicroStep::run_recorded(const MlmBatch& batch, std::uint64_t number) {
  const model::Input& from = batch.input;
  const Shape& ids = from.ids.shape();
  const Key key{ids[0], ids[1], count_of(from.segments), count_of(from.mask), from.rows.count()};
  const bool seen = recordings_.contains(key);
  if (!seen && recordings_.size() == kMostRecordings) {
    const MlmBatch there = to_device(ctx_, batch);
    // Where the recordings work: beside their memory there would be no room for as much again.
    return rehearse_cuda_work(ctx_, [&] { compute(there, model::Tape(seed_, number)); });
  }

  Recording& recording = recordings_[key];
  MlmBatch& home = recording.batch;
  if (!seen) {
    home = to_device(ctx_, batch);
  } else {
    copy(from.ids, home.input.ids);
    copy_if_defined(from.segments, home.input.segments);
    copy_if_defined(from.mask, home.input.mask);
    copy(from.rows, home.input.rows);
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
