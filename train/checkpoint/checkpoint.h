#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/module.h"
#include "train/checkpoint/state.h"
#include "train/checkpoint/store.h"
#include "train/optim/optimizer.h"

namespace orchid::train {

/// Shows a visitor every parameter and buffer of a model.
using VisitModel = std::function<void(const model::Visitor&)>;

/// Writes model.safetensors, optimizer.safetensors (`moments`, by parameter), ema.safetensors
/// (where averages are kept) and vocab.txt (if `vocabulary` is not empty). Nothing in them depends
/// on how many ranks wrote them.
std::map<std::string, WrittenFile> write_checkpoint_files(const std::filesystem::path& directory,
                                                          const VisitModel&, const Optimizer&,
                                                          const Optimizer::Moments& moments,
                                                          std::int64_t step,
                                                          const std::string& vocabulary);

/// Reads every parameter and buffer; a file with other tensors than the model's is an input_data
/// Error that names the first difference.
void load_model(const std::filesystem::path& checkpoint, const VisitModel&);

/// What load_matching did with each tensor, by name.
struct LoadReport {
  std::vector<std::string> loaded;  ///< taken from the checkpoint
  std::vector<std::string> fresh;   ///< of the model, and left as they were
  std::vector<std::string> unused;  ///< of the checkpoint alone
};

/// Reads the parameters and buffers that checkpoint and model have in common, but for those that a
/// pattern of `fresh` matches. The same name with another shape is an input_data Error.
LoadReport load_matching(const std::filesystem::path& checkpoint, const VisitModel&,
                         const std::vector<std::string>& fresh);

/// Moments, and the averages where the optimizer keeps them.
void load_optimizer(const std::filesystem::path& checkpoint, Optimizer&);

/// Moving averages of the parameters into the parameters. A usage Error where there are none.
void load_averages(const std::filesystem::path& checkpoint, const VisitModel&);

/// Reads all files and compares checksums; throws an input_data Error naming the damaged file.
void verify_checkpoint(const std::filesystem::path& checkpoint);

/// The checkpoint meant by `path`: itself, or the newest of a run directory or of its checkpoints
/// folder; RUN/best: that of the lowest validation loss. Throws an input_data Error if there is
/// none.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

}  // namespace orchid::train
