#include "train/checkpoint/checkpoint.h"

#include <algorithm>
#include <set>

#include "data/io/atomic_file.h"
#include "data/io/checksum.h"
#include "data/io/paths.h"
#include "train/optim/pattern.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

std::vector<NamedTensor> model_tensors(const VisitModel& visit) {
  std::vector<NamedTensor> tensors;
  visit({[&](const std::string& path, model::Parameter& parameter) {
           tensors.push_back({path, parameter.value});
         },
         [&](const std::string& path, Tensor& buffer) {
           tensors.push_back({path, buffer});
         }});
  return tensors;
}

std::vector<NamedTensor> moment_tensors(const Optimizer& optimizer,
                                        const Optimizer::Moments& moments) {
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const std::string& path = optimizer.parameters()[i].path;
    tensors.push_back({path + ".m", optimizer.slice(moments.first, i)});
    tensors.push_back({path + ".v", optimizer.slice(moments.second, i)});
  }
  return tensors;
}

std::vector<NamedTensor> average_tensors(const Optimizer& optimizer) {
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i)
    tensors.push_back({optimizer.parameters()[i].path, optimizer.average(i)});
  return tensors;
}

void load_tensors(const fs::path& path, std::vector<NamedTensor> tensors) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  for (NamedTensor& named : tensors) file.read(named.name, named.tensor);
  if (file.entries().size() == tensors.size()) return;
  for (const SafetensorsEntry& entry : file.entries()) {
    const auto same = [&](const NamedTensor& named) { return named.name == entry.name; };
    ORCHID_CHECK_INPUT(std::any_of(tensors.begin(), tensors.end(), same), path.string(),
                       ": tensor \"", entry.name, "\" is not part of this model");
  }
}

}  // namespace

std::map<std::string, WrittenFile> write_checkpoint_files(
    const fs::path& directory, const VisitModel& visit, const Optimizer& optimizer,
    const Optimizer::Moments& moments, std::int64_t step, const std::string& vocabulary) {
  const std::map<std::string, std::string> metadata = {{"format", "orchid"}, {"step", str(step)}};
  std::map<std::string, WrittenFile> files;
  files[kModelFile] = write_safetensors(directory / kModelFile, model_tensors(visit), metadata);
  files[kOptimizerFile] =
      write_safetensors(directory / kOptimizerFile, moment_tensors(optimizer, moments), metadata);
  if (optimizer.averages())
    files[kAveragesFile] =
        write_safetensors(directory / kAveragesFile, average_tensors(optimizer), metadata);
  if (!vocabulary.empty()) {
    data::write_file(directory / kVocabularyFile, vocabulary);
    files[kVocabularyFile] = {vocabulary.size(), data::checksum(vocabulary)};
  }
  return files;
}

void load_model(const fs::path& checkpoint, const VisitModel& visit) {
  load_tensors(checkpoint / kModelFile, model_tensors(visit));
}

LoadReport load_matching(const fs::path& checkpoint, const VisitModel& visit,
                         const std::vector<std::string>& fresh) {
  const SafetensorsFile file = SafetensorsFile::open(checkpoint / kModelFile);
  LoadReport report;
  std::set<std::string> names;
  for (NamedTensor& named : model_tensors(visit)) {
    names.insert(named.name);
    const bool wanted = std::none_of(fresh.begin(), fresh.end(), [&](const std::string& pattern) {
      return matches(pattern, named.name);
    });
    if (wanted && file.find(named.name)) {
      with_context("init.fresh may name what is not to be loaded",
                   [&] { file.read(named.name, named.tensor); });
      report.loaded.push_back(named.name);
    } else {
      report.fresh.push_back(named.name);
    }
  }
  for (const SafetensorsEntry& entry : file.entries())
    if (!names.contains(entry.name)) report.unused.push_back(entry.name);
  ORCHID_CHECK_INPUT(!report.loaded.empty(), checkpoint.string(),
                     ": no tensor of it is part of this model");
  return report;
}

void load_optimizer(const fs::path& checkpoint, Optimizer& optimizer) {
  const Optimizer::Moments moments = optimizer.room_for_moments();
  load_tensors(checkpoint / kOptimizerFile, moment_tensors(optimizer, moments));
  optimizer.set_moments(moments);
  if (optimizer.averages()) load_tensors(checkpoint / kAveragesFile, average_tensors(optimizer));
}

void load_averages(const fs::path& checkpoint, const VisitModel& visit) {
  ORCHID_CHECK_USAGE(fs::exists(checkpoint / kAveragesFile), checkpoint.string(),
                     ": no moving average of the weights in it; a run keeps one with ema.decay");
  std::vector<NamedTensor> tensors;
  visit({[&](const std::string& path, model::Parameter& parameter) {
           tensors.push_back({path, parameter.value});
         },
         nullptr});
  load_tensors(checkpoint / kAveragesFile, std::move(tensors));
}

void verify_checkpoint(const fs::path& checkpoint) {
  const CheckpointState state = read_state(checkpoint);
  with_context(str("checkpoint ", checkpoint.string()), [&] {
    for (const auto& [name, written] : state.files) {
      const data::MappedFile file = data::MappedFile::open(checkpoint / name);
      ORCHID_CHECK_INPUT(data::checksum(file.bytes()) == written.checksum, name,
                         ": damaged: its checksum is not the one in state.json");
    }
    for (const char* name : {kModelFile, kOptimizerFile}) SafetensorsFile::open(checkpoint / name);
  });
}

namespace {

fs::path find_best(const fs::path& run) {
  const fs::path newest = find_checkpoint(run);
  const std::int64_t step = read_state(newest).progress.best_step;
  ORCHID_CHECK_INPUT(step >= 0, run.string(), ": no evaluation yet, so no best checkpoint");
  const fs::path best = newest.parent_path() / checkpoint_name(step);
  ORCHID_CHECK_INPUT(
      fs::exists(best / kStateFile), run.string(), ": step ", step,
      " was the best, and its checkpoint is not kept; checkpoint.best=true keeps it");
  return best;
}

}  // namespace

fs::path find_checkpoint(const fs::path& path) {
  if (const fs::path named = data::without_slash(path);
      named.filename() == "best" && !fs::exists(named))
    return with_context(path.string(), [&] { return find_best(named.parent_path()); });
  ORCHID_CHECK_INPUT(fs::is_directory(path), path.string(),
                     ": expected the directory of a run or of a checkpoint");
  if (fs::exists(path / kStateFile)) {
    read_state(path);
    return path;
  }
  for (const fs::path& root : {path / "checkpoints", path}) {
    std::vector<std::string> ignored;
    if (const auto latest = CheckpointStore(root, {}).latest(&ignored)) return latest->directory;
    if (!ignored.empty()) throw Error(ignored.back(), ErrorKind::input_data);
  }
  throw Error(str(path.string(), ": no checkpoint in it"), ErrorKind::input_data);
}

}  // namespace orchid::train
