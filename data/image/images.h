#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image/augment.h"
#include "data/image/open.h"
#include "data/image/options.h"

namespace orchid::data {

enum class ImageUse { training, evaluation };

/// Pictures as a network sees them: `images` (B, H, W, C), `targets` the labels. Training: cropped,
/// flipped, changed, normalised, erased; whole batches mixed by finish(). Evaluation: resized, the
/// center cut out, normalised. Pure in (seed, draw, index); finish in (seed, number).
class ImageDataset : public Dataset {
 public:
  /// `indices`: of the collection, those that belong to the set; empty: all. Throws usage Errors.
  ImageDataset(std::shared_ptr<const ImageCollection>, const ImageDataOptions&, ImageUse,
               std::uint64_t seed, std::vector<std::int64_t> indices = {});

  std::int64_t size() const override;
  void item(std::int64_t index, std::uint64_t draw, Batch& batch, std::int64_t row) const override;
  void finish(Batch&, std::uint64_t number) const override;
  Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override;

  const ImageCollection& collection() const { return *collection_; }
  const std::vector<std::string>& classes() const { return collection_->classes(); }

  /// The picture of an item as 8 bits, before it is normalised.
  Image view(std::int64_t index, std::uint64_t draw) const;

  /// Damaged pictures met so far, one line each, in order of their names.
  std::vector<std::string> damaged() const;
  /// Called with such a line once for each, from the thread that met it. Set before loading.
  void on_damaged(std::function<void(const std::string&)> report) { report_ = std::move(report); }

 private:
  struct Seen {
    Image image;
    std::int64_t label = 0;
  };
  Seen seen(std::int64_t index, Draws& draws) const;
  std::string name(std::int64_t index) const;
  void note(const std::string& text) const;

  std::shared_ptr<const ImageCollection> collection_;
  ImageDataOptions options_;
  ImageUse use_;
  std::uint64_t seed_;
  std::vector<std::int64_t> indices_;
  Normalizer normalizer_;
  std::function<void(const std::string&)> report_;
  mutable std::mutex mutex_;  ///< of what follows
  mutable std::set<std::string> damaged_;
};

/// The sets a configuration names.
struct OpenedImages {
  std::unique_ptr<ImageDataset> train;  ///< null unless asked for
  std::unique_ptr<ImageDataset> valid;  ///< null if the configuration names none
  std::vector<std::string> classes;     ///< names by label, the same for both
  std::vector<std::string> notes;       ///< what was odd about the files
};

/// Opens `options.train` and `options.valid`, or holds `valid_fraction` of the training pictures
/// out. The classes are those of the training pictures, or `classes` where that is not empty (as a
/// checkpoint has them); other sets are brought to them by name. Without `training` only what
/// evaluation needs is opened.
OpenedImages open_image_data(const ImageDataOptions& options, std::uint64_t seed, bool training,
                             const std::vector<std::string>& classes = {});

}  // namespace orchid::data
