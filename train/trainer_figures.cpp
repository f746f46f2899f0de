#include <cmath>

#include "train/signals.h"
#include "train/trainer.h"

// What a run says of itself: progress, lines of metrics, evaluations.

namespace orchid::train {

void Trainer::show_notes() {
  const int rank = parts_.comm->rank();
  const std::string from = rank == 0 ? "" : str("rank ", rank, ": ");
  for (const std::string& note : parts_.data.late_notes->take())
    output_.console().own_note(from + note);
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

/// Over the ranks since the last line: what the slowest waited for data, what the one that had to
/// wait longest for others spent in communication, and how far apart the ranks are in that.
void Trainer::add_ranks(MetricLine& line) {
  const CommUse& use = parts_.comm->use();
  const double waited =
      use.host_seconds - comm_use_.host_seconds + use.stream_seconds - comm_use_.stream_seconds;
  std::vector<double> most = {progress_.window.data_wait_s, waited, -waited};
  const double bytes = static_cast<double>(use.bytes - comm_use_.bytes);
  parts_.comm->reduce(most, Reduce::max, "metrics");
  comm_use_ = parts_.comm->use();
  line.values.insert(line.values.end(), {{"ranks", parts_.comm->world()},
                                         {"data_wait_s", most[0]},
                                         {"communication_s", most[1]},
                                         {"rank_skew_s", most[1] + most[2]},
                                         {"communication_bytes", bytes}});
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
                                         {parts_.pace_key(), per_s}});
  if (parallel()) {
    add_ranks(line);
  } else {
    line.values.emplace_back("data_wait_s", window.data_wait_s);
  }
  line.values.emplace_back("elapsed_s", elapsed());
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
  if (parts_.data.valid.empty() || !output_.kept() || step == 0 || progress_.evaluated_step == step)
    return false;
  return step == last_step_ || (every > 0 && step % every == 0);
}

bool Trainer::run_evaluation() {
  settle();
  parallel_.finish_values();
  share_buffers();
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
  const std::optional<double>& best = progress_.best_valid_loss;
  new_best_ = std::isfinite(loss) && (!best || !std::isfinite(*best) || loss < *best);
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
    results.emplace_back(set.name + suffix, evaluate(parts_.ctx, *parts_.model, *parts_.task,
                                                     *set.dataset, parts_.evaluation_options(),
                                                     [] { return StopSignals::received() != 0; }));
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

}  // namespace orchid::train
