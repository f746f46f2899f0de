#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "train/optim/schedule.h"
#include "train/signals.h"
#include "train/version.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// Steps without an update that end a run.
constexpr std::int64_t kSkipsInARow = 3;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool stop_requested() {
  return StopSignals::received() != 0;
}

/// The model's buffers, such as running statistics, as they are now; a step that is given up puts
/// them back.
class BufferSnapshot {
 public:
  explicit BufferSnapshot(VisitModel visit) : visit_(std::move(visit)) {
    visit_({[](const std::string&, model::Parameter&) {},
            [this](const std::string&, Tensor& buffer) {
              const auto* bytes = static_cast<const std::byte*>(buffer.raw());
              copies_.emplace_back(bytes, bytes + buffer.bytes());
            }});
  }
  void restore() {
    std::size_t next = 0;
    visit_({[](const std::string&, model::Parameter&) {},
            [&](const std::string&, Tensor& buffer) {
              std::memcpy(buffer.raw(), copies_[next++].data(), buffer.bytes());
            }});
  }

 private:
  VisitModel visit_;
  std::vector<std::vector<std::byte>> copies_;
};

bool trace_wanted(const RunConfig& config) {
  const char* variable = std::getenv("ORCHID_TRACE");
  return config.trace || (variable && std::string(variable) == "1");
}

data::LoaderOptions loader_options(const Assembly& parts, std::int64_t start_step) {
  return {.micro_batch = parts.config.batch.per_device,
          .global_batch = parts.config.batch.global,
          .seed = parts.config.seed,
          .shuffle = parts.shuffle(),
          .threads = parts.loader_threads(),
          .prefetch = parts.prefetch(),
          .start_step = start_step};
}

}  // namespace

Trainer::Trainer(Assembly& parts, RunOutput& output, const StoredCheckpoint* resume)
    : parts_(parts),
      output_(output),
      optimizer_(parts.ctx, parts.config.optimizer, parts.visit()),
      begin_(Clock::now()) {
  if (resume) {
    progress_ = resume->state.progress;
    saved_step_ = progress_.step;
    elapsed_before_ = progress_.elapsed_s;
    verify_checkpoint(resume->directory);
    load_model(resume->directory, parts.visit());
    load_optimizer(resume->directory, optimizer_);
  }
  loader_ = std::make_unique<data::Loader>(*parts.train, loader_options(parts, progress_.step),
                                           parts.ctx.memory());
  if (trace_wanted(parts.config)) parts.ctx.trace = &trace_;
}

double Trainer::elapsed() const {
  return elapsed_before_ + seconds_since(begin_);
}

Trainer::Outcome Trainer::run(std::int64_t last_step) {
  last_step_ = last_step;
  bool whole = true;
  if (evaluation_due()) {  // the process before was stopped between a step and its evaluation
    whole = run_evaluation();
    if (whole && checkpoint_due()) save();
  }
  while (whole && progress_.step < last_step && !stop_requested()) {
    if (!step()) break;
    if (progress_.step % parts_.config.log_every == 0 || progress_.step == last_step) log_metrics();
    if (evaluation_due()) whole = run_evaluation();
    if (whole && checkpoint_due()) save();
  }
  progress_.elapsed_s = elapsed();
  if (saved_step_ != progress_.step) save();
  return whole && progress_.step >= last_step ? Outcome::completed : Outcome::stopped;
}

bool Trainer::step() {
  const Clock::time_point begin = Clock::now();
  const std::optional<Gathered> gathered = accumulate_gradients();
  if (!gathered) return false;
  const bool updated = update(gathered->score);
  count(*gathered, updated, seconds_since(begin));
  const double step_loss = gathered->score.loss / gathered->score.targets;
  output_.console().progress(
      {progress_.step, step_loss, learning_rate_,
       static_cast<double>(progress_.window.tokens) / progress_.window.seconds});
  return true;
}

/// Gradients are of the summed loss: update() divides once, by the targets of all micro-batches.
std::optional<Trainer::Gathered> Trainer::accumulate_gradients() {
  const BatchConfig& batch_config = parts_.config.batch;
  const std::int64_t per_step =
      (batch_config.global + batch_config.per_device - 1) / batch_config.per_device;
  Context& ctx = parts_.ctx;
  Gathered sums;
  BufferSnapshot buffers(parts_.visit());
  optimizer_.zero_grad(ctx);
  const std::int64_t micro_batches = loader_->micro_batches(progress_.step);
  for (std::int64_t micro = 0; micro < micro_batches; ++micro) {
    if (stop_requested()) {
      buffers.restore();
      return std::nullopt;
    }
    const Clock::time_point asked = Clock::now();
    const data::Batch batch = loader_->next_or_throw();
    sums.wait += seconds_since(asked);
    sums.samples += batch.samples;
    sums.tokens += batch.tokens;
    if (batch.targets.count() == 0) continue;
    model::Tape tape(parts_.config.seed,
                     static_cast<std::uint64_t>(progress_.step * per_step + micro));
    Tensor logits = parts_.model->forward(ctx, model_input(ctx, batch), tape);
    const Score score = masked_cross_entropy(ctx, logits, batch.targets, true);
    parts_.model->backward(ctx, logits, tape);
    ORCHID_CHECK(tape.empty(), "trainer: backward left entries on the tape");
    sums.score.loss += score.loss;
    sums.score.correct += score.correct;
    sums.score.targets += score.targets;
  }
  return sums;
}

bool Trainer::update(const Score& score) {
  const RunConfig& config = parts_.config;
  ORCHID_CHECK(score.targets > 0, "step ", progress_.step + 1,
               ": no masked token in the whole batch; raise batch.global or task.mask_rate");
  const double factor = schedule_factor(config.schedule, progress_.step * config.batch.global,
                                        config.schedule.steps * config.batch.global);
  const double mean = 1 / score.targets;
  learning_rate_ = factor * config.optimizer.learning_rate;
  grad_norm_ = optimizer_.grad_norm(parts_.ctx) * mean;
  if (std::isfinite(score.loss) && std::isfinite(grad_norm_)) {
    const bool clip = config.clip_norm > 0;
    const double scale = clip ? std::min(1.0, config.clip_norm / (grad_norm_ + 1e-6)) : 1.0;
    optimizer_.step(parts_.ctx, factor, mean * scale, progress_.step + 1 - progress_.skipped);
    progress_.skipped_in_a_row = 0;
    return true;
  }
  ++progress_.skipped;
  ++progress_.skipped_in_a_row;
  const std::string what = str("step ", progress_.step + 1, ": the loss is ", score.loss * mean,
                               ", the norm of the gradient ", grad_norm_);
  const bool too_many = progress_.skipped_in_a_row >= kSkipsInARow;
  ORCHID_CHECK(config.nonfinite == NonFinitePolicy::skip && !too_many, what,
               too_many ? str(", not finite for the ", kSkipsInARow, "rd time in a row") : "",
               "; a lower optimizer.learning_rate or a longer warm-up may help");
  output_.console().note(what + "; the step is skipped");
  return false;
}

void Trainer::count(const Gathered& gathered, bool updated, double seconds) {
  ++progress_.step;
  progress_.samples += gathered.samples;
  progress_.tokens += gathered.tokens;
  Window& window = progress_.window;
  if (updated) {
    window.loss += gathered.score.loss;
    window.correct += gathered.score.correct;
    window.targets += gathered.score.targets;
  }
  ++window.steps;
  window.samples += gathered.samples;
  window.tokens += gathered.tokens;
  window.seconds += seconds;
  window.data_wait_s += gathered.wait;
  step_seconds_ += seconds;
}

void Trainer::log_metrics() {
  const Window& window = progress_.window;
  const double tokens_per_s = static_cast<double>(window.tokens) / window.seconds;
  MetricLine line{progress_.step, "train", {}};
  line.values = {{"loss", window.loss / window.targets},
                 {"accuracy", window.correct / window.targets},
                 {"learning_rate", learning_rate_},
                 {"grad_norm", grad_norm_},
                 {"samples", static_cast<double>(progress_.samples)},
                 {"tokens", static_cast<double>(progress_.tokens)},
                 {"skipped", static_cast<double>(progress_.skipped)},
                 {"tokens_per_s", tokens_per_s},
                 {"data_wait_s", window.data_wait_s},
                 {"elapsed_s", elapsed()}};
  output_.metrics(line);
  output_.console().report(
      {progress_.step, window.loss / window.targets, learning_rate_, tokens_per_s});
  last_metrics_ = std::move(line);
  progress_.window = {};
}

bool Trainer::evaluation_due() const {
  const std::int64_t step = progress_.step, every = parts_.config.evaluate_every;
  if (!parts_.valid || !output_.directory() || step == 0 || progress_.evaluated_step == step)
    return false;
  return step == last_step_ || (every > 0 && step % every == 0);
}

bool Trainer::run_evaluation() {
  Trace* const trace = std::exchange(parts_.ctx.trace, nullptr);  // it is of training steps alone
  const Evaluation result = evaluate(parts_.ctx, *parts_.model, *parts_.valid,
                                     {.micro_batch = parts_.config.batch.per_device,
                                      .samples = parts_.config.evaluate_samples,
                                      .threads = parts_.loader_threads()},
                                     stop_requested);
  parts_.ctx.trace = trace;
  if (!result.complete) return false;
  progress_.evaluated_step = progress_.step;
  progress_.valid_loss = result.loss;
  new_best_ = !progress_.best_valid_loss || result.loss < *progress_.best_valid_loss;
  if (new_best_) {
    progress_.best_valid_loss = result.loss;
    progress_.best_step = progress_.step;
  }
  output_.metrics({progress_.step,
                   "valid",
                   {{"loss", result.loss},
                    {"accuracy", result.accuracy},
                    {"targets", static_cast<double>(result.targets)},
                    {"samples", static_cast<double>(progress_.samples)},
                    {"tokens", static_cast<double>(progress_.tokens)},
                    {"tokens_per_s", static_cast<double>(result.tokens) / result.seconds},
                    {"elapsed_s", elapsed()}}});
  output_.console().note(str("step ", progress_.step, ": validation loss ", result.loss,
                             ", accuracy ", result.accuracy, " (unigram entropy ",
                             result.unigram_entropy, ")", new_best_ ? "; the best so far" : ""));
  last_evaluation_ = result;
  return true;
}

bool Trainer::checkpoint_due() const {
  const CheckpointConfig& checkpoint = parts_.config.checkpoint;
  const bool best = checkpoint.best && progress_.best_step == progress_.step;
  return best || (checkpoint.every > 0 && progress_.step % checkpoint.every == 0);
}

void Trainer::save() {
  if (!output_.directory()) return;
  output_.sync();
  progress_.elapsed_s = elapsed();
  const CheckpointState state{parts_.config, progress_, program_version(), program_commit(), {}};
  output_.directory()->checkpoints().save(state, [&](const std::filesystem::path& directory) {
    return write_checkpoint_files(directory, parts_.visit(), optimizer_, progress_.step,
                                  parts_.vocabulary);
  });
  saved_step_ = progress_.step;
}

}  // namespace orchid::train
