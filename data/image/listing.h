#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace orchid::data {

/// Files of a folder or a tar.
class Listing {
 public:
  struct Entry {
    std::string path;                   ///< from the folder or in the tar, / between
    std::int64_t offset = 0, size = 0;  ///< in a tar
  };
  virtual ~Listing() = default;

  const std::string& origin() const { return origin_; }
  const std::vector<Entry>& entries() const { return entries_; }
  /// What was left out though a person may look for it, or nothing.
  const std::string& note() const { return note_; }
  virtual std::vector<std::byte> read(const Entry&) const = 0;

 protected:
  std::string origin_, note_;
  std::vector<Entry> entries_;
};

/// Files up to three folders deep, or all of a tar; hidden ones left out.
std::shared_ptr<const Listing> list_folder(const std::filesystem::path& folder);
std::shared_ptr<const Listing> list_tar(const std::filesystem::path& file);

/// Which class each of the pictures of a flat folder has.
class PictureClasses {
 public:
  /// Lines "file class ...", blanks or tabs between; `origin` names the text in errors.
  static PictureClasses of_lines(const std::string& text, const std::string& origin);
  /// ImageNet's devkit in one of `folders`, or in data/ or ILSVRC2012_devkit_t12/data/ there:
  /// line n of the ground truth is the id of the picture with the number n, and meta.mat says
  /// which class an id stands for.
  static std::optional<PictureClasses> of_devkit(const std::vector<std::filesystem::path>& folders);

  /// The class of a picture by the name of its file; an input_data Error if it has none.
  const std::string& of(const std::string& file) const;
  /// All names of classes, sorted.
  std::vector<std::string> classes() const;

 private:
  std::string origin_;
  std::map<std::string, std::string> by_name_;
  std::vector<std::string> by_number_;  ///< from 1
  std::vector<std::string> known_;
};

}  // namespace orchid::data
