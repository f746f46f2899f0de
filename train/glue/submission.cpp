#include "train/glue/submission.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "data/io/atomic_file.h"
#include "kernels/core/error.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

enum class Form { number, label, score };

struct TestSet {
  std::string_view file;
  Form form;
};
constexpr std::array<TestSet, 11> kTestSets{{{"CoLA.tsv", Form::number},
                                             {"SST-2.tsv", Form::number},
                                             {"MRPC.tsv", Form::number},
                                             {"STS-B.tsv", Form::score},
                                             {"QQP.tsv", Form::number},
                                             {"MNLI-m.tsv", Form::label},
                                             {"MNLI-mm.tsv", Form::label},
                                             {"QNLI.tsv", Form::label},
                                             {"RTE.tsv", Form::label},
                                             {"WNLI.tsv", Form::number},
                                             {"AX.tsv", Form::label}}};

Form form_of(const fs::path& file) {
  std::string names;
  for (const TestSet& set : kTestSets) {
    if (file.filename() == set.file) return set.form;
    names += str(names.empty() ? "" : ", ", set.file);
  }
  throw Error(str(file.string(), ": expected the name of a test set of GLUE: ", names),
              ErrorKind::usage);
}

void add_line(std::string& text, std::size_t index, std::string_view prediction) {
  text += str(index, "\t", prediction, "\n");
}

/// Three decimals, whatever the locale.
std::string score_text(double score) {
  std::array<char, 32> text{};
  const auto [end, failed] =
      std::to_chars(text.data(), text.data() + text.size(), score, std::chars_format::fixed, 3);
  ORCHID_CHECK(failed == std::errc{}, "cannot write the score ", score);
  return {text.data(), end};
}

constexpr std::string_view kHeader = "index\tprediction\n";

}  // namespace

void write_submission(const fs::path& file, std::span<const std::int32_t> classes,
                      const std::vector<std::string>& labels) {
  const Form form = form_of(file);
  ORCHID_CHECK_USAGE(form != Form::score, file.string(), ": expected scores, got classes");
  std::string text(kHeader);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::int32_t predicted = classes[i];
    ORCHID_CHECK(predicted >= 0 && predicted < std::ssize(labels), file.string(), ": row ", i,
                 ": expected a class from 0 to ", std::ssize(labels) - 1, ", got ", predicted);
    add_line(text, i,
             form == Form::number ? str(predicted) : labels[static_cast<std::size_t>(predicted)]);
  }
  data::write_file(file, text);
}

void write_submission(const fs::path& file, std::span<const double> scores) {
  ORCHID_CHECK_USAGE(form_of(file) == Form::score, file.string(),
                     ": expected classes, got scores, which only STS-B.tsv holds");
  std::string text(kHeader);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ORCHID_CHECK(!std::isnan(scores[i]), file.string(), ": row ", i,
                 ": expected a score, got one that is no number");
    add_line(text, i, score_text(std::clamp(scores[i], 0.0, 5.0) + 0.0));  // + 0.0: no "-0.000"
  }
  data::write_file(file, text);
}

}  // namespace orchid::train
