#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace orchid::simt {

/// Puts the accesses of lanes together to the requests of their warp, and counts what these cost:
/// the n-th time each lane comes to an instruction is taken for one request.
class TrafficCounter {
 public:
  void note(unsigned warp, unsigned lane, const void* code, std::uintptr_t address,
            std::size_t bytes, bool store, bool shared);
  /// The block is over: nothing joins its requests any more.
  void end_block();

  struct Sum {
    std::uint64_t requests = 0, cost = 0, ideal = 0;
    unsigned bytes = 0;
    bool store = false, shared = false;
  };
  const std::unordered_map<const void*, Sum>& sums() const { return sums_; }
  void clear() { sums_.clear(); }

 private:
  struct Request {
    std::uintptr_t address[32];
    std::uint32_t lanes = 0;
    std::size_t bytes = 0;
    bool store = false, shared = false;
  };
  struct Instruction {
    unsigned times[32] = {};
    std::vector<Request> requests;
  };
  static std::uint64_t bank_cycles(const Request& request, std::uint64_t& ideal);
  static std::uint64_t sectors(const Request& request, std::uint64_t& ideal);

  std::unordered_map<const void*, Instruction> warps_[32];
  std::unordered_map<const void*, Sum> sums_;
};

extern TrafficCounter traffic_counter;

}  // namespace orchid::simt
