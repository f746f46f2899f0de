#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "data/io/checksum.h"
#include "kernels/ops/adamw.h"
#include "kernels/ops/arithmetic.h"
#include "train/optim/schedule.h"
#include "train/parallel/gather.h"
#include "train/signals.h"
#include "train/version.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// What ranks add up in a step. `preempted` and `interrupted` count ranks that a signal reached.
enum class Total { loss, hits, targets, samples, tokens, preempted, interrupted };
constexpr std::int64_t kTotals = 7;

/// Most steps whose results are left on the device, and what is kept of each: the optimizer's
/// control, then the totals.
constexpr std::int64_t kUnsettled = 64;
/// The same of ranks, who learn from them that one was told to stop: few enough for the half minute
/// that a cluster leaves them.
constexpr std::int64_t kUnsettledOfRanks = 4;
constexpr std::int64_t kResults = ops::kControls + kTotals;

/// Steps without an update that end a run.
constexpr std::int64_t kSkipsInARow = 3;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
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

Sharing sharing_of(const Assembly& parts) {
  const ParallelConfig& parallel = parts.config.parallel;
  const Communicator& comm = *parts.comm;
  return {.rank = comm.rank(),
          .world = comm.world(),
          .bucket = parallel.bucket_mib * (1 << 20) / static_cast<std::int64_t>(sizeof(float)),
          .shard = parallel.shard_optimizer && std::string_view(comm.backend()) != "single"};
}

Arenas arenas_of(const Optimizer& optimizer) {
  return {optimizer.gradients(), optimizer.values(), optimizer.products(), optimizer.buckets(),
          optimizer.block_begins()};
}

}  // namespace

Trainer::Trainer(Assembly& parts, RunOutput& output, const StoredCheckpoint* resume)
    : parts_(parts),
      output_(output),
      optimizer_(parts.ctx, parts.config.optimizer, parts.visit(), parts.config.ema,
                 sharing_of(parts)),
      micro_step_(parts.ctx, *parts.model, *parts.task, parts.config.seed, graphs_wanted(parts)),
      parallel_(parts.ctx, *parts.comm, parts.config.parallel, arenas_of(optimizer_)),
      totals_(parts.ctx.zeros({kTotals}, DType::f64)),
      results_(parts.ctx.zeros({kUnsettled, kResults}, DType::f64)),
      begin_(Clock::now()) {
  ORCHID_CHECK_USAGE(parts.config.parallel.reduction == Reduction::fast ||
                         parts.ctx.device().type == DeviceType::cpu,
                     "parallel.reduction: expected fast on a GPU");
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
  while (whole && progress_.step < last_step && !stopping()) {
    if (!step()) break;
    check_ranks();
    if (progress_.step % parts_.config.log_every == 0 || progress_.step == last_step) log_metrics();
    if (evaluation_due()) whole = run_evaluation();
    if (whole && checkpoint_due()) save();
  }
  if (!whole && parallel()) stop_signal_ = agreed_signal();
  progress_.elapsed_s = elapsed();
  if (saved_step_ != progress_.step) save();
  if (!parallel()) stop_signal_ = StopSignals::received();
  return whole && progress_.step >= last_step ? Outcome::completed : Outcome::stopped;
}

/// Ranks stop after the same step: that in which they told each other. One alone stops at once.
bool Trainer::stopping() const {
  return parallel() ? stop_signal_ != 0 : StopSignals::received() != 0;
}

int Trainer::agreed_signal() {
  const int signal = StopSignals::received();
  std::int64_t interrupted = signal == SIGINT ? 1 : 0;
  parts_.comm->reduce(std::span(&interrupted, 1), Reduce::max, "the signal");
  return interrupted ? SIGINT : SIGTERM;
}

bool Trainer::step() {
  const Clock::time_point begin = Clock::now();
  parts_.comm->set_step(progress_.step + 1);
  const std::optional<Step> step = accumulate_gradients();
  if (!step) return false;
  share(*step);
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
  const std::int64_t world = parts_.comm->world();
  // Micro-batches are numbered as if all ranks had the most that one can have.
  const std::int64_t share = (batch_config.global + world - 1) / world;
  const std::int64_t most = (share + batch_config.per_device - 1) / batch_config.per_device;
  const std::int64_t first = (progress_.step * world + parts_.comm->rank()) * most;
  Context& ctx = parts_.ctx;
  Step result{.number = progress_.step + 1};
  const std::int64_t micro_batches = loader_->micro_batches(progress_.step);
  std::optional<BufferSnapshot> buffers;  // a step of one micro-batch is not given up half way
  if (micro_batches > 1 && !parallel()) buffers.emplace(parts_.visit());
  const bool in_pairs = parts_.config.parallel.reduction == Reduction::fixed;
  Tensor& sums = micro_step_.sums();
  const auto begin_sums = [&] {
    optimizer_.zero_grad(ctx);
    sums.memory()->zero(sums.raw(), sums.bytes());
  };
  begin_sums();
  for (std::int64_t micro = 0; micro < micro_batches; ++micro) {
    if (!parallel() && stopping()) {
      if (buffers) buffers->restore();
      return std::nullopt;
    }
    const Clock::time_point asked = Clock::now();
    const data::Batch batch = loader_->next_or_throw();
    result.wait += seconds_since(asked);
    result.samples += batch.samples;
    result.tokens += batch.tokens;
    const std::int64_t targets = parts_.task->targets(batch);
    result.targets += static_cast<double>(targets);
    if (in_pairs && micro > 0) begin_sums();
    if (targets > 0)
      run_micro_batch(batch, static_cast<std::uint64_t>(first + micro), micro + 1 == micro_batches);
    if (in_pairs && micro_batches > 1) {
      Tensor gradients = optimizer_.gradients();
      tree_.add(ctx, gradients, sums);
      if (micro + 1 == micro_batches) tree_.finish(ctx, gradients, sums);
    }
  }
  return result;
}

void Trainer::run_micro_batch(const data::Batch& batch, std::uint64_t number, bool last) {
  const bool in_pairs = parts_.config.parallel.reduction == Reduction::fixed;
  if (!parallel() || !last) {
    parallel_.finish_values();
    return micro_step_.run(batch, number);
  }
  parallel_.begin_forward();
  // In pairs the last micro-batch's gradients are not yet those of the step, unless it is the only.
  if (!in_pairs || loader_->micro_batches(progress_.step) == 1) parallel_.begin_gradients();
  micro_step_.run(batch, number, &parallel_);
}

void Trainer::share(const Step& step) {
  if (!parallel()) return;
  parallel_.finish_values();  // where this rank had no micro-batch
  const int signal = StopSignals::received();
  Tensor score = totals_.slice(0, {2});
  copy(micro_step_.sums(), score);
  Tensor rest = totals_.slice(2, {kTotals - 2});
  set_values(rest,
             {step.targets, static_cast<double>(step.samples), static_cast<double>(step.tokens),
              signal != 0 && signal != SIGINT ? 1.0 : 0.0, signal == SIGINT ? 1.0 : 0.0});
  parallel_.finish_gradients(totals_);
}

void Trainer::update(const Step& step) {
  const RunConfig& config = parts_.config;
  Context& ctx = parts_.ctx;
  const ScheduledRate rate = scheduled_rate(config.schedule, progress_.step, config.batch.global);
  learning_rate_ = rate.of(config.optimizer.learning_rate);
  const std::int64_t row = std::ssize(unsettled_) * kResults;
  Tensor control = results_.slice(row, {ops::kControls});
  if (!parallel()) {
    ORCHID_CHECK(step.targets > 0, "step ", step.number,
                 ": no masked token in the whole batch; raise batch.global or task.mask_rate");
    optimizer_.update(ctx, micro_step_.sums(), rate, 1 / step.targets, config.clip_norm);
    Tensor score = results_.slice(row + ops::kControls, {2});
    copy(micro_step_.sums(), score);
  } else {
    Tensor& squares = optimizer_.measure(ctx);
    if (parallel_.sharded()) parts_.comm->all_reduce(ctx, squares, Reduce::sum, "gradient norm");
    const Tensor targets = totals_.slice(static_cast<int>(Total::targets), {1});
    optimizer_.apply(ctx, totals_, targets, rate, 1, config.clip_norm);
    parallel_.begin_values();
    if (optimizer_.averages()) parallel_.finish_values();
    optimizer_.follow(ctx);
    Tensor totals = results_.slice(row + ops::kControls, {kTotals});
    copy(totals_, totals);
  }
  copy(optimizer_.control(), control);
}

bool Trainer::settle_now() const {
  return parts_.ctx.device().type == DeviceType::cpu || !loss_ ||
         std::ssize(unsettled_) == (parallel() ? kUnsettledOfRanks : kUnsettled) ||
         progress_.step % parts_.config.log_every == 0 || progress_.step == last_step_ ||
         evaluation_due() || checkpoint_due();
}

void Trainer::settle() {
  if (unsettled_.empty()) return;
  const std::vector<double> results = values_of(results_);
  parts_.comm->check();
  for (std::size_t i = 0; i < unsettled_.size(); ++i)
    settle(unsettled_[i], results.data() + i * static_cast<std::size_t>(kResults));
  unsettled_.clear();
}

void Trainer::settle(Step step, const double* results) {
  const auto control = [&](ops::Control what) { return results[static_cast<int>(what)]; };
  const double* score = results + ops::kControls;
  if (parallel()) {
    const auto total = [&](Total what) { return score[static_cast<int>(what)]; };
    step.targets = total(Total::targets);
    step.samples = static_cast<std::int64_t>(total(Total::samples));
    step.tokens = static_cast<std::int64_t>(total(Total::tokens));
    if (total(Total::preempted) > 0) stop_signal_ = SIGTERM;
    if (total(Total::interrupted) > 0) stop_signal_ = SIGINT;
    ORCHID_CHECK(step.targets > 0, "step ", step.number,
                 ": no masked token in the whole batch; raise batch.global or task.mask_rate");
  }
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

void Trainer::share_buffers() {
  if (!parallel()) return;
  parts_.visit()({nullptr, [&](const std::string& path, Tensor& buffer) {
                    parts_.comm->broadcast(parts_.ctx, buffer, 0, path);
                  }});
}

/// Ranks that drifted apart would go on without a sign.
void Trainer::check_ranks() {
  const std::int64_t every = parts_.config.parallel.check_every;
  if (!parallel() || every == 0 || progress_.step % every != 0) return;
  parallel_.finish_values();
  const Tensor values = to_memory(optimizer_.values(), make_host_pool());
  const std::string_view bytes(static_cast<const char*>(values.raw()), values.bytes());
  ORCHID_CHECK(same_on_all(*parts_.comm, data::checksum(bytes), "parameters"), "step ",
               progress_.step,
               ": the ranks no longer hold the same parameters; go on from the last "
               "checkpoint, and look at the machines");
}

bool Trainer::checkpoint_due() const {
  const CheckpointConfig& checkpoint = parts_.config.checkpoint;
  const bool best = checkpoint.best && progress_.best_step == progress_.step;
  return best || (checkpoint.every > 0 && progress_.step % checkpoint.every == 0);
}

void Trainer::save() {
  settle();
  parallel_.finish_values();
  if (!output_.kept()) return;
  share_buffers();
  const Optimizer::Moments moments = optimizer_.moments(parts_.ctx, *parts_.comm);
  if (parallel()) {  // what broke on its way is not to be written
    parts_.ctx.memory()->synchronize();
    parts_.comm->check();
  }
  saved_step_ = progress_.step;
  if (!output_.directory()) return;  // the first rank writes
  output_.sync();
  progress_.elapsed_s = elapsed();
  const CheckpointState state{parts_.config, progress_, program_version(), program_commit(), {}};
  output_.directory()->checkpoints().save(state, [&](const std::filesystem::path& directory) {
    return write_checkpoint_files(directory, parts_.visit(), optimizer_, moments, progress_.step,
                                  parts_.data.vocabulary);
  });
}

}  // namespace orchid::train
