#include "data/image/images.h"

#include <algorithm>
#include <utility>

#include "data/image/mix.h"
#include "data/image/view.h"
#include "data/permutation.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// Unreadable pictures in a row at most: more are no accident.
constexpr std::int64_t kMostDamaged = 100;

/// Draws of whole batches: items no epoch comes to.
constexpr std::uint64_t kBatches = std::uint64_t{1} << 23;

/// Which of `count` pictures are held out, sorted; the others go to `rest`.
std::vector<std::int64_t> held_out(std::int64_t count, const ImageDataOptions& options,
                                   std::vector<std::int64_t>& rest) {
  const auto part =
      static_cast<std::int64_t>(options.valid_fraction * static_cast<double>(count) + 0.5);
  ORCHID_CHECK_USAGE(part > 0 && part < count, "valid_fraction: expected some of ", count,
                     " pictures and not all, got ", part);
  const Permutation order(count, options.split_seed, 0);
  std::vector<std::int64_t> held;
  for (std::int64_t i = 0; i < count; ++i) (i < part ? held : rest).push_back(order(i));
  std::sort(held.begin(), held.end());
  std::sort(rest.begin(), rest.end());
  return held;
}

}  // namespace

ImageDataset::ImageDataset(std::shared_ptr<const ImageCollection> collection,
                           const ImageDataOptions& options, ImageUse use, std::uint64_t seed,
                           std::vector<std::int64_t> indices)
    : collection_(std::move(collection)),
      options_((validate(options), options)),
      use_(use),
      seed_(seed),
      indices_(std::move(indices)),
      normalizer_(options.mean, options.deviation) {}

std::int64_t ImageDataset::size() const {
  return indices_.empty() ? collection_->size() : std::ssize(indices_);
}

std::string ImageDataset::name(std::int64_t index) const {
  return collection_->name(indices_.empty() ? index : indices_[static_cast<std::size_t>(index)]);
}

/// The view of a picture, or of the first behind it that can be read.
ImageDataset::Seen ImageDataset::seen(std::int64_t index, Draws& draws) const {
  ORCHID_CHECK(index >= 0 && index < size(), "pictures: ", index, " of ", size());
  const bool training = use_ == ImageUse::training, fail = options_.damaged == DamagedImages::fail;
  const std::int64_t tries = std::min(size(), kMostDamaged);
  for (std::int64_t i = 0; i < tries; ++i, index = (index + 1) % size()) {
    const std::int64_t at = indices_.empty() ? index : indices_[static_cast<std::size_t>(index)];
    DecodeNotes notes;
    try {
      const StoredImage stored = collection_->stored(at);
      Image image = training ? training_view(stored, options_, draws, notes)
                             : evaluation_view(stored, options_, notes);
      ORCHID_CHECK_INPUT(!fail || notes.damage.empty(), notes.damage);
      if (!notes.damage.empty()) note(str(name(index), ": ", notes.damage, "; used as it is"));
      return {std::move(image), collection_->label(at)};
    } catch (Error& error) {
      error.add_context(name(index));
      if (fail || error.kind() != ErrorKind::input_data) throw;
      note(str(error.what(), "; the next takes its place"));
    }
  }
  throw Error(str(tries, " pictures in a row cannot be read, the last ",
                  name((index + size() - 1) % size())),
              ErrorKind::input_data);
}

void ImageDataset::item(std::int64_t index, std::uint64_t draw, Batch& batch,
                        std::int64_t row) const {
  Draws draws(seed_, draw, index);
  const Seen found = seen(index, draws);
  const std::int64_t each = options_.size * options_.size * options_.channels;
  const std::span<float> out(batch.images.data<float>() + row * each,
                             static_cast<std::size_t>(each));
  normalizer_(found.image, out);
  batch.targets.data<std::int32_t>()[row] = static_cast<std::int32_t>(found.label);
  if (use_ != ImageUse::training) return;
  begin(draws, DrawStage::erasing);
  if (const auto part = draw_erasing(options_.size, options_.size, options_.augmentation.erasing,
                                     kErasingOptions, draws))
    erase(out, options_.size, options_.channels, *part, draws);
}

void ImageDataset::finish(Batch& batch, std::uint64_t number) const {
  const AugmentationOptions& augmentation = options_.augmentation;
  if (use_ != ImageUse::training || (augmentation.mixup <= 0 && augmentation.cutmix <= 0)) return;
  Draws draws(seed_, kBatches, static_cast<std::int64_t>(number));
  mix(batch, draw_mix(augmentation, options_.size, options_.size, draws), batch.targets.memory());
}

Batch ImageDataset::empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const {
  Batch batch;
  batch.images =
      Tensor::empty({rows, options_.size, options_.size, options_.channels}, DType::f32, memory);
  batch.targets = Tensor::empty({rows}, DType::i32, memory);
  return batch;
}

Image ImageDataset::view(std::int64_t index, std::uint64_t draw) const {
  Draws draws(seed_, draw, index);
  return seen(index, draws).image;
}

std::vector<std::string> ImageDataset::damaged() const {
  const std::lock_guard lock(mutex_);
  return {damaged_.begin(), damaged_.end()};
}

void ImageDataset::note(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  if (damaged_.insert(text).second && report_) report_(text);
}

OpenedImages open_image_data(const ImageDataOptions& options, std::uint64_t seed, bool training,
                             const std::vector<std::string>& classes) {
  validate(options);
  OpenedImages opened;
  opened.classes = classes;
  const bool held = options.valid_fraction > 0;
  const auto open = [&](const char* key, const std::string& path, ImagePart part) {
    return with_context(key, [&] {
      ORCHID_CHECK_USAGE(!path.empty(), "required, and missing");
      auto images = open_images(path, part);
      ORCHID_CHECK_INPUT(images->size() > 0, path, ": no picture in it");
      for (const std::string& note : images->notes()) opened.notes.push_back(note);
      if (opened.classes.empty()) opened.classes = images->classes();
      return with_classes(std::move(images), opened.classes);
    });
  };
  std::vector<std::int64_t> held_indices, rest;
  if (training || held) {
    const auto images = open("train", options.train, ImagePart::train);
    if (held) held_indices = held_out(images->size(), options, rest);
    if (held)
      opened.valid = std::make_unique<ImageDataset>(images, options, ImageUse::evaluation, seed,
                                                    std::move(held_indices));
    if (training)
      opened.train = std::make_unique<ImageDataset>(images, options, ImageUse::training, seed,
                                                    std::move(rest));
  }
  if (!options.valid.empty())
    opened.valid = std::make_unique<ImageDataset>(open("valid", options.valid, ImagePart::valid),
                                                  options, ImageUse::evaluation, seed);
  return opened;
}

}  // namespace orchid::data
