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

/// Writes model.safetensors, optimizer.safetensors and vocab.txt (if `vocabulary` is not empty).
std::map<std::string, WrittenFile> write_checkpoint_files(const std::filesystem::path& directory,
                                                          const VisitModel&, const Optimizer&,
                                                          std::int64_t step,
                                                          const std::string& vocabulary);

/// Reads every parameter and buffer; a file with other tensors than the model's is an input_data
/// Error that names the first difference.
void load_model(const std::filesystem::path& checkpoint, const VisitModel&);
void load_optimizer(const std::filesystem::path& checkpoint, const Optimizer&);

/// Reads all files and compares checksums; throws an input_data Error naming the damaged file.
void verify_checkpoint(const std::filesystem::path& checkpoint);

/// The checkpoint meant by `path`: itself, or the newest of a run directory or of its checkpoints
/// folder. Throws an input_data Error if there is none.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

}  // namespace orchid::train
