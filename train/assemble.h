#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/text/vocabulary.h"
#include "kernels/core/context.h"
#include "model/model.h"
#include "train/checkpoint/checkpoint.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// The parts of a run, made from its configuration; the one place that knows how.
struct Assembly {
  RunConfig config;
  Context ctx;
  std::unique_ptr<model::Model> model = nullptr;
  std::unique_ptr<data::Dataset> train = nullptr;  ///< only where training is wanted
  std::unique_ptr<data::Dataset> valid = nullptr;  ///< null: no validation data
  std::string vocabulary = {};                     ///< content of vocab.txt

  VisitModel visit() {
    return [this](const model::Visitor& visitor) { model->visit("", visitor); };
  }
  std::int64_t length() const;  ///< of a sample
  int loader_threads() const;
  std::int64_t prefetch() const;
  bool shuffle() const;
};

/// The context a run computes in. Throws a usage Error for a device or precision that the machine
/// does not have. With device auto and no GPU, in a program built for one, says so on stderr.
Context make_context(const RunConfig&);

enum class AssembleFor { training, evaluation, model_alone };

/// Opens the data and builds the model. Throws usage Errors for what the machine cannot do and
/// input_data Errors for data that are not there or do not fit.
std::unique_ptr<Assembly> assemble(const RunConfig&, AssembleFor);

/// The model of a checkpoint with its values, and with the validation data for `evaluation`.
/// `sets` change its configuration first.
std::unique_ptr<Assembly> load_checkpoint(const std::filesystem::path& checkpoint, AssembleFor,
                                          const std::vector<std::string>& sets);

/// Throws an input_data Error if a checkpoint was trained with another vocabulary than the data's.
void check_vocabulary(const std::filesystem::path& checkpoint, const Assembly&);

}  // namespace orchid::train
