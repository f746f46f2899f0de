#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace orchid::simt {

/// Who accessed, when: enough to tell whether a later access comes after it on every GPU.
struct Access {
  std::uint32_t thread = 0;  ///< number in the grid, by blocks in the order they ran
  std::uint32_t stamp = 0;   ///< barriers the block had passed << 16 | warp barriers of the thread
  std::uint32_t time = 0;    ///< accesses of the grid before
  std::uint32_t code = 0;    ///< offset of the instruction from the start of the program's code
  std::uint8_t bytes = 0;    ///< of the cell, one bit each; 0: no access
};

/// Two bytes of memory in one launch (global) or block (shared).
struct Cell {
  std::uint32_t generation = 0;
  bool atomic = false;  ///< the write
  Access write;
  std::array<Access, 2> reads;  ///< two readers are enough: one of them is not the writer
};

/// The cells of 4 KB, made when touched.
struct Page {
  static constexpr std::size_t kBytes = 4096;
  std::array<Cell, kBytes / 2> cells;
  std::array<bool, kBytes> written{};
};

/// What is known of each byte of a range of addresses.
class Shadow {
 public:
  void start_at(const char* base) { base_ = base; }
  const char* base() const { return base_; }
  Page& page(std::size_t offset);
  Cell& cell(std::size_t offset) { return page(offset).cells[offset % Page::kBytes / 2]; }
  bool& written(std::size_t offset) { return page(offset).written[offset % Page::kBytes]; }
  void set_written(std::size_t offset, std::size_t bytes, bool value);
  bool all_written(std::size_t offset, std::size_t bytes);
  /// Gives back the memory of pages that lie within.
  void forget(std::size_t offset, std::size_t bytes);

 private:
  const char* base_ = nullptr;
  std::vector<std::unique_ptr<Page>> pages_;
};

inline Page& Shadow::page(std::size_t offset) {
  const std::size_t number = offset / Page::kBytes;
  if (number >= pages_.size()) pages_.resize(number + 1 + number / 2);
  if (!pages_[number]) pages_[number] = std::make_unique<Page>();
  return *pages_[number];
}

}  // namespace orchid::simt
