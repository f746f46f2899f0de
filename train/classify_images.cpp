#include "train/classify_images.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "data/image/augment.h"
#include "data/image/view.h"
#include "data/io/mapped_file.h"
#include "data/io/paths.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> labels_of(const RunConfig& config) {
  const auto* task = std::get_if<ImageClassificationTaskConfig>(&config.task);
  ORCHID_CHECK_USAGE(
      task,
      "classify-image: expected a model trained to classify pictures; this one is for task.type ",
      std::visit([](const auto& any) { return std::string(any.type); }, config.task));
  std::vector<std::string> labels = task->labels;
  for (std::int64_t i = std::ssize(labels); i < task->classes; ++i) labels.push_back(str(i));
  return labels;
}

std::vector<ClassGuess> best_guesses(const double* logits, const std::vector<std::string>& labels,
                                     std::int64_t top) {
  std::vector<std::int32_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return logits[a] > logits[b]; });
  const double largest = logits[order[0]];
  double sum = 0;
  for (std::size_t c = 0; c < labels.size(); ++c) sum += std::exp(logits[c] - largest);
  order.resize(static_cast<std::size_t>(std::min(top, std::ssize(labels))));
  std::vector<ClassGuess> guesses;
  for (const std::int32_t c : order)
    guesses.push_back(
        {labels[static_cast<std::size_t>(c)], c, std::exp(logits[c] - largest) / sum});
  return guesses;
}

bool is_picture(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

}  // namespace

/// Files may have any size, also where the training pictures had that of the network.
ImageClassifier::ImageClassifier(Assembly& parts)
    : parts_(parts),
      options_((labels_of(parts.config), std::get<data::ImageDataOptions>(parts.config.data))),
      labels_(labels_of(parts.config)) {
  if (options_.resize == 0) options_.resize = options_.size;
}

std::vector<ImageAnswer> ImageClassifier::answer(const std::vector<std::string>& files,
                                                 std::int64_t top) {
  std::vector<ImageAnswer> answers;
  const std::int64_t micro = parts_.config.batch.per_device;
  for (std::int64_t begin = 0; begin < std::ssize(files); begin += micro)
    answer(files.data() + begin, std::min(micro, std::ssize(files) - begin), top, answers);
  return answers;
}

void ImageClassifier::answer(const std::string* files, std::int64_t count, std::int64_t top,
                             std::vector<ImageAnswer>& answers) {
  const data::Normalizer normalizer(options_.mean, options_.deviation);
  const Shape one{1, options_.size, options_.size, options_.channels};
  const std::int64_t each = one.count();
  Tensor images = Tensor::empty({count, one[1], one[2], one[3]}, DType::f32, make_host_pool());
  std::vector<std::size_t> readable;
  for (const std::string* file = files; file < files + count; ++file) {
    ImageAnswer& answer = answers.emplace_back();
    answer.file = *file;
    try {
      const data::MappedFile content = data::MappedFile::open(*file);
      data::DecodeNotes notes;
      const data::StoredImage stored{.bytes = content.bytes(), .owned = {}};
      const data::Image view = data::evaluation_view(stored, options_, notes);
      float* const to = images.data<float>() + std::ssize(readable) * each;
      normalizer(view, std::span<float>(to, static_cast<std::size_t>(each)));
      answer.note = notes.damage;
      readable.push_back(answers.size() - 1);
    } catch (const Error& error) {
      answer.error = error.what();
    }
  }
  if (readable.empty()) return;
  data::Batch batch;
  batch.samples = std::ssize(readable);
  batch.images = images.slice(0, {batch.samples, one[1], one[2], one[3]});
  model::Tape tape = model::Tape::off();
  const TaskBatch on_device = to_device(parts_.ctx, parts_.task->prepare(parts_.ctx, batch));
  const std::vector<double> logits =
      values_of(parts_.model->forward(parts_.ctx, on_device.input, tape));
  for (std::size_t i = 0; i < readable.size(); ++i)
    answers[readable[i]].guesses = best_guesses(logits.data() + i * labels_.size(), labels_, top);
}

std::vector<std::string> image_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    ORCHID_CHECK_INPUT(fs::exists(path, error), path, ": no such file or folder");
    if (!data::is_folder(path)) {
      files.push_back(path);
      continue;
    }
    const std::ptrdiff_t before = std::ssize(files);
    for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
         it.increment(error))
      if (is_picture(it->path()) && data::is_file(it->path())) files.push_back(it->path().string());
    ORCHID_CHECK_INPUT(!error, path, ": cannot list: ", error.message());
    ORCHID_CHECK_INPUT(std::ssize(files) > before, path, ": no JPEG or PNG file in it");
    std::sort(files.begin() + before, files.end());
  }
  return files;
}

}  // namespace orchid::train
