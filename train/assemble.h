#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/loader.h"
#include "kernels/core/context.h"
#include "model/model.h"
#include "train/checkpoint/checkpoint.h"
#include "train/datasets.h"
#include "train/evaluation.h"

namespace orchid::train {

/// The parts of a run, made from its configuration; the one place that knows how.
struct Assembly {
  /// With schedule.steps as schedule.epochs means them, and the names of the data's classes.
  RunConfig config;
  Context ctx;
  std::unique_ptr<Task> task = nullptr;
  std::unique_ptr<model::Model> model = nullptr;
  OpenedData data = {};
  std::unique_ptr<Communicator> comm = make_single();  ///< between the ranks of the run

  VisitModel visit() {
    return [this](const model::Visitor& visitor) { model->visit("", visitor); };
  }
  std::int64_t length() const { return length_of(config); }  ///< positions of a sample
  bool pictures() const { return std::holds_alternative<data::ImageDataOptions>(config.data); }
  /// What the pace of a run is counted in.
  const char* unit() const { return pictures() ? "images" : "tokens"; }
  const char* pace_key() const { return pictures() ? "samples_per_s" : "tokens_per_s"; }
  EvaluationOptions evaluation_options() const;
  data::LoaderOptions loader_options(std::int64_t start_step) const;
};

/// The context a run computes in. Throws a usage Error for a device or precision that the machine
/// does not have. With device auto and no GPU, in a program built for one, says so on stderr.
Context make_context(const RunConfig&);

enum class AssembleFor { training, evaluation, model_alone };

/// Opens the data and builds the model, with initial values by `init`. Throws usage Errors for what
/// the machine cannot do and input_data Errors for data that are not there or do not fit.
std::unique_ptr<Assembly> assemble(const RunConfig&, AssembleFor);

/// The same where the values will be those of a checkpoint of the same run: `init` is left out.
/// They are not loaded yet. Throws an input_data Error if the data have another vocabulary.
std::unique_ptr<Assembly> assemble_for(const std::filesystem::path& checkpoint, const RunConfig&,
                                       AssembleFor);

/// A run's weights as they were trained, or their moving average.
enum class WeightKind { trained, average };

/// The model of a checkpoint with its values, and with the validation data for `evaluation`.
/// `sets` change its configuration first.
std::unique_ptr<Assembly> load_checkpoint(const std::filesystem::path& checkpoint, AssembleFor,
                                          const std::vector<std::string>& sets,
                                          WeightKind weights = WeightKind::trained);

}  // namespace orchid::train
