#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace orchid::data {

/// A value of a Python pickle.
struct PickleValue {
  enum class Kind { none, boolean, integer, text, list, tuple, dict, name, made };
  Kind kind = Kind::none;
  std::int64_t number = 0;
  std::string_view text =
      {};  ///< points into the pickle; of a name: "module name", a newline between
  /// Elements of a list or tuple; of a dict keys and values in turn; of what was made: the name it
  /// was made by, its arguments and, if it was set, its state.
  std::vector<const PickleValue*> items = {};

  /// What a dict has under a key, or null.
  const PickleValue* find(std::string_view key) const;
};

/// The restricted reader of Python's pickles that CIFAR-10 needs: numbers, strings, lists, tuples,
/// dicts and numpy's arrays of bytes, protocol 2. It executes nothing: names are kept as names,
/// any other than numpy's three is refused, and so is any opcode but those of such files.
class Pickle {
 public:
  /// `bytes` must outlive the pickle. input_data Errors name the byte, but know no file.
  explicit Pickle(std::span<const std::byte> bytes);
  const PickleValue& value() const { return *root_; }

 private:
  friend class PickleReader;
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
};

/// An array of bytes with two extents, row by row.
struct PickledArray {
  std::int64_t rows = 0, columns = 0;
  std::string_view bytes;
};
/// Throws an input_data Error if the value is no such array.
PickledArray pickled_array(const PickleValue&);

}  // namespace orchid::data
