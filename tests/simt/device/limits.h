#pragma once

#include <cstddef>

namespace orchid::simt {

/// The device that is imitated: compute capability 9.0.
struct Limits {
  static constexpr int kMajor = 9, kMinor = 0;
  static constexpr int kProcessors = 132;
  static constexpr int kThreadsPerProcessor = 2048;
  static constexpr int kThreadsPerBlock = 1024;
  static constexpr int kBlocksPerProcessor = 32;
  static constexpr int kRegisters = 65536;
  static constexpr int kShared = 48 * 1024;        ///< of a block, without asking for more
  static constexpr int kSharedOptIn = 227 * 1024;  ///< of a block
  static constexpr int kSharedPerProcessor = 228 * 1024;
  static constexpr int kL2Bytes = 50 * 1024 * 1024;
  static constexpr unsigned kMostGridX = 2147483647, kMostGridYZ = 65535;
  static constexpr unsigned kMostBlockXY = 1024, kMostBlockZ = 64;
};

}  // namespace orchid::simt
