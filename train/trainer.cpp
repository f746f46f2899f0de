#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "kernels/ops/adamw.h"
#include "kernels/ops/arithmetic.h"
#include "train/optim/schedule.h"
#include "train/signals.h"
#include "train/version.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// Most steps whose results are left on the device, and what is kept of each: the optimizer's
/// control, then the score.
constexpr std::int64_t kUnsettled = 64;
constexpr std::int64_t kResults = ops::kControls + 2;

/// Steps without an update that end a run.
constexpr std::int64_t kSkipsInARow = 3;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool stop_requested() {
  return StopSignals::received() != 0;
}

/// Copies of the model's buffers, such as running statistics, on their device; a step that is given
/// up puts them back.
class BufferSnapshot {
 public:
  explicit BufferSnapshot(const VisitModel& visit) {
    visit({nullptr, [this](const std::string&, Tensor& buffer) {
             Tensor copy = Tensor::empty(buffer.shape(), buffer.dtype(), buffer.memory());
             orchid::copy(buffer, copy);
             buffers_.emplace_back(buffer, copy);
           }});
  }
  void restore() {
    for (auto& [buffer, copy] : buffers_) orchid::copy(copy, buffer);
  }

 private:
  std::vector<std::pair<Tensor, Tensor>> buffers_;
};

bool trace_wanted(const RunConfig& config) {
  const char* variable = std::getenv("ORCHID_TRACE");
  return config.trace || (variable && std::string(variable) == "1");
}

bool graphs_wanted(const Assembly& parts) {
  return parts.ctx.device().type == DeviceType::cuda &&
         parts.config.cuda_graphs == CudaGraphs::automatic && !trace_wanted(parts.config);
}

}  // namespace

Trainer::Trainer(Assembly& parts, RunOutput& output, const StoredCheckpoint* resume)
    : parts_(parts),
      output_(output),
      optimizer_(parts.ctx, parts.config.optimizer, parts.visit(), parts.config.ema),
      micro_step_(parts.ctx, *parts.model, *parts.task, parts.config.seed, graphs_wanted(parts)),
      results_(parts.ctx.zeros({kUnsettled, kResults}, DType::f64)),
      begin_(Clock::now()) {
  if (resume) {
    progress_ = resume->state.progress;
    saved_step_ = progress_.step;
    elapsed_before_ = progress_.elapsed_s;
    verify_checkpoint(resume->directory);
    load_model(resume->directory, parts.visit());
    load_optimizer(resume->directory, optimizer_);
    optimizer_.set_updates(progress_.step - progress_.skipped);
  }
  model::refresh_products(parts.ctx, *parts.model);
  loader_ = std::make_unique<data::Loader>(*parts.data.train, parts.loader_options(progress_.step),
                                           make_host_pool());
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
  const std::optional<Step> step = accumulate_gradients();
  if (!step) return false;
  update(*step);
  ++progress_.step;
  unsettled_.push_back(*step);
  if (settle_now()) settle();
  const double seconds = seconds_since(begin);
  progress_.window.seconds += seconds;
  step_seconds_ += seconds;
  show_notes();
  show_progress();
  return true;
}

/// Gradients are of the summed loss: update() divides once, by the targets of all micro-batches.
std::optional<Trainer::Step> Trainer::accumulate_gradients() {
  const BatchConfig& batch_config = parts_.config.batch;
  const std::int64_t per_step =
      (batch_config.global + batch_config.per_device - 1) / batch_config.per_device;
  Context& ctx = parts_.ctx;
  Step result{.number = progress_.step + 1};
  const std::int64_t micro_batches = loader_->micro_batches(progress_.step);
  std::optional<BufferSnapshot> buffers;  // a step of one micro-batch is not given up half way
  if (micro_batches > 1) buffers.emplace(parts_.visit());
  optimizer_.zero_grad(ctx);
  Tensor& sums = micro_step_.sums();
  sums.memory()->zero(sums.raw(), sums.bytes());
  for (std::int64_t micro = 0; micro < micro_batches; ++micro) {
    if (stop_requested()) {
      if (buffers) buffers->restore();
      return std::nullopt;
    }
    const Clock::time_point asked = Clock::now();
    const data::Batch batch = loader_->next_or_throw();
    result.wait += seconds_since(asked);
    result.samples += batch.samples;
    result.tokens += batch.tokens;
    const std::int64_t targets = parts_.task->targets(batch);
    if (targets == 0) continue;
    micro_step_.run(batch, static_cast<std::uint64_t>(progress_.step * per_step + micro));
    result.targets += static_cast<double>(targets);
  }
  return result;
}

void Trainer::update(const Step& step) {
  const RunConfig& config = parts_.config;
  ORCHID_CHECK(step.targets > 0, "step ", step.number,
               ": no masked token in the whole batch; raise batch.global or task.mask_rate");
  const ScheduledRate rate = scheduled_rate(config.schedule, progress_.step, config.batch.global);
  learning_rate_ = rate.of(config.optimizer.learning_rate);
  optimizer_.update(parts_.ctx, micro_step_.sums(), rate, 1 / step.targets, config.clip_norm);
  const std::int64_t row = std::ssize(unsettled_) * kResults;
  Tensor control = results_.slice(row, {ops::kControls});
  Tensor score = results_.slice(row + ops::kControls, {2});
  copy(optimizer_.control(), control);
  copy(micro_step_.sums(), score);
}

bool Trainer::settle_now() const {
  return parts_.ctx.device().type == DeviceType::cpu || !loss_ ||
         std::ssize(unsettled_) == kUnsettled || progress_.step % parts_.config.log_every == 0 ||
         progress_.step == last_step_ || evaluation_due() || checkpoint_due();
}

void Trainer::settle() {
  if (unsettled_.empty()) return;
  const std::vector<double> results = values_of(results_);
  for (std::size_t i = 0; i < unsettled_.size(); ++i)
    settle(unsettled_[i], results.data() + i * static_cast<std::size_t>(kResults));
  unsettled_.clear();
}

void Trainer::settle(const Step& step, const double* results) {
  const auto control = [&](ops::Control what) { return results[static_cast<int>(what)]; };
  const double* score = results + ops::kControls;
  Window& window = progress_.window;
  progress_.samples += step.samples;
  progress_.tokens += step.tokens;
  ++window.steps;
  window.samples += step.samples;
  window.tokens += step.tokens;
  window.data_wait_s += step.wait;
  loss_ = score[0] / step.targets;
  grad_norm_ = control(ops::Control::norm);
  if (control(ops::Control::apply) != 0) {
    progress_.skipped_in_a_row = 0;
    window.loss += score[0];
    window.correct += score[1];
    window.targets += step.targets;
    return;
  }
  ++progress_.skipped;
  ++progress_.skipped_in_a_row;
  const std::string what = str("step ", step.number, ": the loss is ", *loss_,
                               ", the norm of the gradient ", grad_norm_);
  const bool too_many = progress_.skipped_in_a_row >= kSkipsInARow;
  ORCHID_CHECK(parts_.config.nonfinite == NonFinitePolicy::skip && !too_many, what,
               too_many ? str(", not finite for the ", kSkipsInARow, "rd time in a row") : "",
               "; a lower optimizer.learning_rate or a longer warm-up may help");
  output_.console().note(what + "; the step is skipped");
}

void Trainer::show_notes() {
  for (const std::string& note : parts_.data.late_notes->take()) output_.console().note(note);
}

double Trainer::pace(std::int64_t samples, std::int64_t tokens, double seconds) const {
  return static_cast<double>(parts_.pictures() ? samples : tokens) / seconds;
}

void Trainer::show_progress() const {
  std::int64_t samples = progress_.window.samples, tokens = progress_.window.tokens;
  for (const Step& step : unsettled_) {
    samples += step.samples;
    tokens += step.tokens;
  }
  output_.console().progress({progress_.step, *loss_, learning_rate_,
                              pace(samples, tokens, progress_.window.seconds), parts_.unit()});
}

void Trainer::log_metrics() {
  settle();
  const Window& window = progress_.window;
  const double per_s = pace(window.samples, window.tokens, window.seconds);
  MetricLine line{progress_.step, "train", {}};
  line.values = {{"loss", window.loss / window.targets}};
  if (parts_.task->counts_hits())
    line.values.emplace_back("accuracy", window.correct / window.targets);
  line.values.insert(line.values.end(),
                     {{"learning_rate", learning_rate_}, {"grad_norm", grad_norm_}});
  add_counts(line);
  line.values.insert(line.values.end(), {{"skipped", static_cast<double>(progress_.skipped)},
                                         {parts_.pace_key(), per_s},
                                         {"data_wait_s", window.data_wait_s},
                                         {"elapsed_s", elapsed()}});
  output_.metrics(line);
  output_.console().report(
      {progress_.step, window.loss / window.targets, learning_rate_, per_s, parts_.unit()});
  last_metrics_ = std::move(line);
  progress_.window = {};
}

void Trainer::add_counts(MetricLine& line) const {
  line.values.emplace_back("samples", static_cast<double>(progress_.samples));
  if (!parts_.pictures()) line.values.emplace_back("tokens", static_cast<double>(progress_.tokens));
}

bool Trainer::evaluation_due() const {
  const std::int64_t step = progress_.step, every = parts_.config.evaluate_every;
  if (parts_.data.valid.empty() || !output_.directory() || step == 0 ||
      progress_.evaluated_step == step)
    return false;
  return step == last_step_ || (every > 0 && step % every == 0);
}

bool Trainer::run_evaluation() {
  settle();
  Trace* const trace = std::exchange(parts_.ctx.trace, nullptr);  // it is of training steps alone
  std::vector<NamedEvaluation> results;
  bool complete = evaluate_sets("", results);
  if (complete && optimizer_.averages()) {
    optimizer_.lend(parts_.ctx, *parts_.model, Optimizer::Weights::averages);
    complete = evaluate_sets("_ema", results);
    optimizer_.lend(parts_.ctx, *parts_.model, Optimizer::Weights::values);
  }
  parts_.ctx.trace = trace;
  show_notes();
  if (!complete) return false;
  const double loss = results.front().second.loss;
  progress_.evaluated_step = progress_.step;
  progress_.valid_loss = loss;
  new_best_ = !progress_.best_valid_loss || loss < *progress_.best_valid_loss;
  if (new_best_) {
    progress_.best_valid_loss = loss;
    progress_.best_step = progress_.step;
  }
  progress_.figures.clear();
  for (const auto& [name, result] : results) log_evaluation(name, result);
  return true;
}

bool Trainer::evaluate_sets(const std::string& suffix, std::vector<NamedEvaluation>& results) {
  for (const EvaluationSet& set : parts_.data.valid) {
    results.emplace_back(set.name + suffix,
                         evaluate(parts_.ctx, *parts_.model, *parts_.task, *set.dataset,
                                  parts_.evaluation_options(), stop_requested));
    if (!results.back().second.complete) return false;
  }
  return true;
}

void Trainer::log_evaluation(const std::string& name, const Evaluation& result) {
  const bool first = name == parts_.data.valid.front().name;
  if (!first) progress_.figures.emplace_back(name + "_loss", result.loss);
  for (const auto& [key, value] : result.metrics)
    progress_.figures.emplace_back(name + "_" + key, value);
  progress_.figures.emplace_back(name + "_targets", result.targets);
  MetricLine line{progress_.step, name, {{"loss", result.loss}}};
  std::string figures;
  for (const auto& [key, value] : result.metrics) {
    line.values.emplace_back(key, value);
    figures += str(", ", key, " ", value);
  }
  line.values.emplace_back("targets", static_cast<double>(result.targets));
  add_counts(line);
  const double per_s = pace(result.samples, result.tokens, result.seconds);
  line.values.insert(line.values.end(), {{parts_.pace_key(), per_s}, {"elapsed_s", elapsed()}});
  output_.metrics(line);
  output_.console().note(str("step ", progress_.step, ": ", name, " loss ", result.loss, figures,
                             first && new_best_ ? "; the best so far" : ""));
}

bool Trainer::checkpoint_due() const {
  const CheckpointConfig& checkpoint = parts_.config.checkpoint;
  const bool best = checkpoint.best && progress_.best_step == progress_.step;
  return best || (checkpoint.every > 0 && progress_.step % checkpoint.every == 0);
}

void Trainer::save() {
  settle();
  if (!output_.directory()) return;
  output_.sync();
  progress_.elapsed_s = elapsed();
  const CheckpointState state{parts_.config, progress_, program_version(), program_commit(), {}};
  output_.directory()->checkpoints().save(state, [&](const std::filesystem::path& directory) {
    return write_checkpoint_files(directory, parts_.visit(), optimizer_, progress_.step,
                                  parts_.data.vocabulary);
  });
  saved_step_ = progress_.step;
}

}  // namespace orchid::train
