#include "data/image/open.h"

#include <algorithm>
#include <cstring>

#include "data/image/collections.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

/// A collection whose labels are those of other classes.
class Relabelled : public ImageCollection {
 public:
  Relabelled(std::shared_ptr<const ImageCollection> images, const std::vector<std::string>& classes)
      : images_(std::move(images)) {
    classes_ = classes;
    kind_ = images_->kind();
    notes_ = images_->notes();
    for (const std::string& name : images_->classes())
      labels_.push_back(std::find(classes.begin(), classes.end(), name) - classes.begin());
    for (std::int64_t i = 0; i < images_->size(); ++i)
      ORCHID_CHECK_INPUT(label(i) < std::ssize(classes), images_->name(i), ": its class ",
                         images_->classes()[static_cast<std::size_t>(images_->label(i))],
                         " is none of the ", classes.size(), " that are trained");
  }

  std::int64_t size() const override { return images_->size(); }
  std::int64_t label(std::int64_t index) const override {
    return labels_[static_cast<std::size_t>(images_->label(index))];
  }
  std::string name(std::int64_t index) const override { return images_->name(index); }
  StoredImage stored(std::int64_t index) const override { return images_->stored(index); }

 private:
  std::shared_ptr<const ImageCollection> images_;
  std::vector<std::int64_t> labels_;  ///< by label in `images_`
};

}  // namespace

Image decode_image(const StoredImage& stored, const DecodeOptions& options, DecodeNotes* notes) {
  if (stored.storage == ImageStorage::file) return decode_image(stored.bytes, options, notes);
  if (notes) *notes = {image_info(stored), 0, 0, stored.width, stored.height, ""};
  Image image = Image::unset(stored.width, stored.height);
  const std::size_t count = image.pixels.size() / 3;
  const bool planes = stored.storage == ImageStorage::planes;
  ORCHID_CHECK_INPUT(stored.bytes.size() == (planes ? 3 : 1) * count, "expected ",
                     (planes ? 3 : 1) * count, " bytes, got ", stored.bytes.size());
  const auto* from = reinterpret_cast<const std::uint8_t*>(stored.bytes.data());
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * i + c] = from[planes ? c * count + i : i];
  return image;
}

ImageInfo image_info(const StoredImage& stored) {
  if (stored.storage == ImageStorage::file) return image_info(stored.bytes);
  return {ImageFormat::png, stored.width, stored.height};
}

Image ImageCollection::image(std::int64_t index, const DecodeOptions& options,
                             DecodeNotes* notes) const {
  try {
    return decode_image(stored(index), options, notes);
  } catch (Error& error) {
    error.add_context(name(index));
    throw;
  }
}

std::shared_ptr<const ImageCollection> open_images(const fs::path& given, ImagePart part) {
  const fs::path path = without_slash(given);
  std::error_code error;
  ORCHID_CHECK_INPUT(fs::exists(path, error), path.string(), ": no such file or folder");
  if (is_folder(path)) {
    if (is_packed(path)) return open_packed(path);
    const std::vector<const char*> inside =
        part == ImagePart::train ? std::vector{"train"} : std::vector{"valid", "val", "validation"};
    for (const char* name : inside)
      if (is_packed(path / name)) return open_packed(path / name);
    if (is_idx(path)) return open_idx(path, part);
    if (is_cifar(path)) return open_cifar(path, part);
  }
  return open_tree(path, part);
}

std::shared_ptr<const ImageCollection> with_classes(std::shared_ptr<const ImageCollection> images,
                                                    const std::vector<std::string>& classes) {
  if (images->classes() == classes) return images;
  return std::make_shared<Relabelled>(std::move(images), classes);
}

}  // namespace orchid::data
