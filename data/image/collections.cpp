#include "data/image/collections.h"

#include <algorithm>

#include "kernels/core/error.h"

namespace orchid::data {

const char* name_of(ImagePart part) {
  return part == ImagePart::train ? "train" : "valid";
}

RecordImages::RecordImages(std::string kind, std::vector<std::string> classes, ImageStorage storage,
                           std::int64_t width, std::int64_t height)
    : storage_(storage), width_(width), height_(height) {
  kind_ = std::move(kind);
  classes_ = std::move(classes);
}

void RecordImages::add(Part part) {
  for (std::size_t i = 0; i < part.labels.size(); ++i)
    ORCHID_CHECK_INPUT(part.labels[i] < classes_.size(), part.file, ": picture ", i,
                       ": expected a label below ", classes_.size(), ", got ", int{part.labels[i]},
                       "; the file is damaged");
  size_ += std::ssize(part.labels);
  parts_.push_back(std::move(part));
}

const RecordImages::Part& RecordImages::part_of(std::int64_t& index) const {
  ORCHID_CHECK(index >= 0 && index < size_, kind_, ": picture ", index, " of ", size_);
  std::size_t part = 0;
  for (; index >= std::ssize(parts_[part].labels); ++part) index -= std::ssize(parts_[part].labels);
  return parts_[part];
}

std::int64_t RecordImages::label(std::int64_t index) const {
  const Part& part = part_of(index);
  return part.labels[static_cast<std::size_t>(index)];
}

std::string RecordImages::name(std::int64_t index) const {
  const Part& part = part_of(index);
  return str(part.file, ": picture ", index);
}

StoredImage RecordImages::stored(std::int64_t index) const {
  const Part& part = part_of(index);
  const auto bytes =
      static_cast<std::size_t>(width_ * height_ * (storage_ == ImageStorage::planes ? 3 : 1));
  return {storage_,
          width_,
          height_,
          part.pixels.subspan(static_cast<std::size_t>(index) * part.stride, bytes),
          {}};
}

}  // namespace orchid::data
