#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "data/loader.h"
#include "kernels/core/trace.h"
#include "train/assemble.h"
#include "train/checkpoint/state.h"
#include "train/evaluation.h"
#include "train/micro_step.h"
#include "train/optim/optimizer.h"
#include "train/parallel/data_parallel.h"
#include "train/parallel/micro_batch_tree.h"
#include "train/run_output.h"

namespace orchid::train {

/// The training loop: micro-batches -> summed gradients -> clip -> update; now and then metrics,
/// evaluation, checkpoint. Every rank of a run has one, and all do the same steps; the first alone
/// writes.
class Trainer {
 public:
  /// `parts` has training data; `resume` continues where that checkpoint was made.
  Trainer(Assembly& parts, RunOutput& output, const StoredCheckpoint* resume);
  /// Shows what the data had to say to the end, also before an error.
  ~Trainer() { show_notes(); }

  /// Up to `last_step` steps in all, or until a signal came; saves at the end.
  enum class Outcome { completed, stopped };
  Outcome run(std::int64_t last_step);

  const Progress& progress() const { return progress_; }
  const Optimizer& optimizer() const { return optimizer_; }
  /// What the last line of metrics said of training.
  const std::optional<MetricLine>& last_metrics() const { return last_metrics_; }
  /// Time per op and in all steps; only with config.trace.
  const Trace& trace() const { return trace_; }
  double step_seconds() const { return step_seconds_; }
  /// The signal that ended the run, on whatever rank it came; 0: none.
  int stop_signal() const { return stop_signal_; }
  bool traced() const { return parts_.ctx.trace != nullptr; }

 private:
  /// A step given to the device, and what is known of it here. Its results are read when someone
  /// needs them (settle): on a GPU nothing waits for it before.
  struct Step {
    std::int64_t number = 0;  ///< counted from 1
    // Of this rank, until the step is settled.
    double targets = 0;
    std::int64_t samples = 0;
    std::int64_t tokens = 0;
    double wait = 0;  ///< seconds the loader kept the trainer waiting
  };

  /// False: a signal came, and the step was given up before it changed anything.
  bool step();
  std::optional<Step> accumulate_gradients();
  /// A micro-batch of the step; the last one with what ranks do beside it.
  void run_micro_batch(const data::Batch&, std::uint64_t number, bool last);
  /// Makes gradients and `totals_` those of all ranks.
  void share(const Step&);
  void update(const Step&);
  /// Reads the results of all steps that are not settled yet and enters them in the progress.
  void settle();
  void settle(Step, const double* results);
  bool settle_now() const;
  bool parallel() const { return parallel_.communicates(); }
  bool stopping() const;
  /// The signal that stopped an evaluation, of whatever rank: all come here then.
  int agreed_signal();
  /// Running statistics of the model: the first rank's.
  void share_buffers();
  void check_ranks();
  /// What the data had to say since the last time.
  void show_notes();
  void show_progress() const;
  /// Tokens a second, or pictures.
  double pace(std::int64_t samples, std::int64_t tokens, double seconds) const;
  void log_metrics();
  void add_counts(MetricLine&) const;
  void add_ranks(MetricLine&);
  bool evaluation_due() const;
  /// False: a signal came before the end.
  bool run_evaluation();
  using NamedEvaluation = std::pair<std::string, Evaluation>;
  /// Of every set, as <name><suffix>; false: a signal came before the end.
  bool evaluate_sets(const std::string& suffix, std::vector<NamedEvaluation>& results);
  void log_evaluation(const std::string& set, const Evaluation&);
  bool checkpoint_due() const;
  void save();
  double elapsed() const;

  Assembly& parts_;
  RunOutput& output_;
  Optimizer optimizer_;
  MicroStep micro_step_;
  DataParallel parallel_;
  MicroBatchTree tree_;
  Tensor totals_;  ///< (kTotals) f64: the score, then what else ranks add up
  std::vector<Step> unsettled_;
  Tensor results_;  ///< (kUnsettled, kResults) f64: one row an unsettled step
  Progress progress_;
  std::unique_ptr<data::Loader> loader_;
  std::optional<MetricLine> last_metrics_;
  Trace trace_;
  std::chrono::steady_clock::time_point begin_;
  double elapsed_before_ = 0;  ///< in earlier processes of the run
  double step_seconds_ = 0;
  double learning_rate_ = 0;    ///< of the last step
  std::optional<double> loss_;  ///< mean of the last settled step; none before the first
  double grad_norm_ = 0;        ///< of that step, before clipping
  bool new_best_ = false;
  int stop_signal_ = 0;
  CommUse comm_use_;  ///< at the last line of metrics
  std::int64_t last_step_ = 0;
  std::int64_t saved_step_ = -1;
};

}  // namespace orchid::train
