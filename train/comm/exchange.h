#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "train/comm/communicator.h"

namespace orchid::train {

/// The seam of the CPU backends: bytes from every rank to every rank. How sums are made of them is
/// the same for all (make_host_communicator).
class Exchange {
 public:
  struct Piece {
    std::byte* data = nullptr;
    std::size_t bytes = 0;  ///< at most kMostBytes
  };
  static constexpr std::size_t kMostBytes = std::size_t{1} << 30;

  virtual ~Exchange() = default;
  virtual int rank() const = 0;
  virtual int world() const = 0;
  virtual const char* backend() const = 0;

  /// Sends send[r] to rank r, which receives it in its receive[this rank], of the same size; of
  /// pieces for the rank itself nothing is read or written. Returns when the data are there and the
  /// pieces sent may be overwritten. `what` is equal on all ranks: another text from one of them is
  /// an Error, as is what takes longer than the deadline; it names the rank to blame.
  virtual void exchange(const std::string& what, std::span<const Piece> send,
                        std::span<const Piece> receive) = 0;
  /// Tells the others that this rank gives up; what they do or begin from then on throws.
  virtual void announce(const std::string& reason) = 0;
};

/// Collectives over host memory.
std::unique_ptr<Communicator> make_host_communicator(std::unique_ptr<Exchange>);

}  // namespace orchid::train
