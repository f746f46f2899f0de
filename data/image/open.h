#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image/decode.h"

namespace orchid::data {

enum class ImagePart { train, valid };

/// How the bytes of a stored picture are to be read.
enum class ImageStorage {
  file,    ///< a JPEG or a PNG
  gray,    ///< height x width bytes
  planes,  ///< three times that: red, green, blue
};

/// A picture as it is stored. `bytes` may point into `owned`, or into what the collection keeps.
struct StoredImage {
  ImageStorage storage = ImageStorage::file;
  std::int64_t width = 0, height = 0;  ///< of gray and planes; a file knows its own
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned;
};

/// Decodes a picture of any storage; input_data Errors know no name.
Image decode_image(const StoredImage&, const DecodeOptions& = {}, DecodeNotes* = nullptr);
ImageInfo image_info(const StoredImage&);

/// Pictures with a class each, wherever they lie. Immutable and thread safe.
class ImageCollection {
 public:
  virtual ~ImageCollection() = default;
  virtual std::int64_t size() const = 0;
  /// 0 ... classes - 1.
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// What a message calls the picture: its file, or its file and place in it.
  virtual std::string name(std::int64_t index) const = 0;
  virtual StoredImage stored(std::int64_t index) const = 0;

  /// Names by label. Of folders in ascending order of their bytes.
  const std::vector<std::string>& classes() const { return classes_; }
  /// What it is, for a person: "MNIST", "class folders", ...
  const std::string& kind() const { return kind_; }
  /// What was odd: files left out and the like.
  const std::vector<std::string>& notes() const { return notes_; }

  /// The picture itself; input_data Errors name it.
  Image image(std::int64_t index, const DecodeOptions& = {}, DecodeNotes* = nullptr) const;

 protected:
  std::vector<std::string> classes_;
  std::string kind_;
  std::vector<std::string> notes_;
};

/// Opens what lies at `path`, told by its content:
/// - a folder of MNIST's IDX files, also .gz;
/// - a folder of CIFAR-10's batches, binary or pickled;
/// - a folder of class folders, or one that holds those in train/ and val/ (validation/, valid/);
///   pictures lie in the class folder or in images/ in it, as tiny-ImageNet has them;
/// - a flat folder of validation pictures with val_annotations.txt or val_map.txt (file, class),
///   or with ImageNet's devkit (ground truth and meta.mat), in it or beside it;
/// - a tar of any of these trees, or of one tar for each class, as ImageNet's comes, also with a
///   folder around it: its heads are read once, its pictures where they lie;
/// - what `orchid data pack-images` wrote.
/// `part` chooses where the path holds both. input_data Errors say what was expected and found.
std::shared_ptr<const ImageCollection> open_images(const std::filesystem::path& path,
                                                   ImagePart part);

/// The same pictures under the labels that `classes` gives their class names: what a network that
/// was trained on those is to be judged by. A class that is not among them is an input_data Error.
std::shared_ptr<const ImageCollection> with_classes(std::shared_ptr<const ImageCollection>,
                                                    const std::vector<std::string>& classes);

}  // namespace orchid::data
