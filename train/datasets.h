#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/text/glue.h"
#include "data/text/labelled_text.h"
#include "data/text/vocabulary.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// A data set to judge a model by.
struct EvaluationSet {
  std::string name;  ///< as its figures are labelled: "valid", "valid_mismatched"
  std::unique_ptr<data::Dataset> dataset;
};

/// Messages from threads that prepare batches, until someone has time to show them.
class LateNotes {
 public:
  void add(const std::string& note);
  /// Those added since the last call.
  std::vector<std::string> take();

 private:
  std::mutex mutex_;
  std::vector<std::string> notes_;
};

/// The data a configuration names.
struct OpenedData {
  std::unique_ptr<data::Dataset> train;  ///< null unless asked for
  std::vector<EvaluationSet> valid;      ///< the first counts for the best checkpoint
  std::string vocabulary;                ///< content of vocab.txt
  std::vector<std::string> classes;      ///< names by label; pictures only
  std::vector<std::string> notes;        ///< what was odd about the files
  /// What turns out to be odd about them while they are read.
  std::shared_ptr<LateNotes> late_notes = std::make_shared<LateNotes>();
};

enum class OpenFor { training, evaluation };

/// `vocabulary`: that of the checkpoint the model comes from, or empty. Throws usage Errors for
/// keys that do not fit the data, input_data Errors for data that are not there or damaged.
OpenedData open_data(const RunConfig&, OpenFor, const std::string& vocabulary);

/// One part ("test", "test_mismatched", ...) of a task of GLUE, without labels, as the
/// configuration encodes text. `notes` gets what was odd about its file.
std::unique_ptr<data::LabelledText> open_unlabelled(const RunConfig&, const data::GlueTask&,
                                                    const std::string& part,
                                                    const std::string& vocabulary,
                                                    std::vector<std::string>& notes);

/// The pieces of vocab.txt's content; `origin` names it in errors.
data::Vocabulary vocabulary_of(const std::string& text, const std::string& origin);

/// Positions of a sample in the network: its tokens, or the patches of a picture.
std::int64_t length_of(const RunConfig&);

/// How samples are fetched.
struct LoadingKeys {
  std::int64_t threads = 0;
  std::int64_t prefetch = 0;
  bool shuffle = true;
  std::int64_t repeats = 1;  ///< repeated augmentation
};
LoadingKeys loading_of(const DataConfig&);

/// Of a run given in epochs, of so many samples: how many an epoch shows, and in how many steps,
/// the last of which has what is left.
std::int64_t epoch_samples(const RunConfig&, std::int64_t samples);
std::int64_t steps_per_epoch(const RunConfig&, std::int64_t samples);

}  // namespace orchid::train
