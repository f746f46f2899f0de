#include "tests/simt/checker/traffic.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "tests/simt/checker/access_checker.h"
#include "tests/simt/symbols.h"

namespace orchid::simt {

TrafficCounter traffic_counter;

void TrafficCounter::note(unsigned warp, unsigned lane, const void* code, std::uintptr_t address,
                          std::size_t bytes, bool store, bool shared) {
  Instruction& instruction = warps_[warp][code];
  const unsigned time = instruction.times[lane]++;
  if (time >= instruction.requests.size()) instruction.requests.resize(time + 1);
  Request& request = instruction.requests[time];
  request.address[lane] = address;
  request.lanes |= 1u << lane;
  request.bytes = bytes;
  request.store = store;
  request.shared = shared;
}

/// A phase serves 128 bytes: 32 lanes of 4 bytes, 16 of 8, 8 of 16. It takes as many cycles as some
/// bank has different words.
std::uint64_t TrafficCounter::bank_cycles(const Request& request, std::uint64_t& ideal) {
  constexpr std::uintptr_t kWord = 4, kBanks = 32;
  const unsigned phase = request.bytes >= 16 ? 8 : request.bytes == 8 ? 16 : 32;
  std::uint64_t cycles = 0;
  for (unsigned first = 0; first < 32; first += phase) {
    std::set<std::uintptr_t> words[kBanks];
    for (unsigned lane = first; lane < first + phase; ++lane) {
      if (!(request.lanes >> lane & 1)) continue;
      const std::uintptr_t start = request.address[lane], last = start + request.bytes - 1;
      for (std::uintptr_t word = start / kWord; word <= last / kWord; ++word)
        words[word % kBanks].insert(word);
    }
    std::size_t most = 0;
    for (const auto& bank : words) most = std::max(most, bank.size());
    cycles += most;
    ideal += most > 0;
  }
  return cycles;
}

std::uint64_t TrafficCounter::sectors(const Request& request, std::uint64_t& ideal) {
  constexpr std::uintptr_t kSector = 32;
  std::set<std::uintptr_t> touched, starts;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(request.lanes >> lane & 1)) continue;
    const std::uintptr_t start = request.address[lane], last = start + request.bytes - 1;
    starts.insert(start);
    for (std::uintptr_t sector = start / kSector; sector <= last / kSector; ++sector)
      touched.insert(sector);
  }
  ideal += (starts.size() * request.bytes + kSector - 1) / kSector;
  return touched.size();
}

void TrafficCounter::end_block() {
  for (auto& warp : warps_) {
    for (const auto& [code, instruction] : warp) {
      Sum& sum = sums_[code];
      for (const Request& request : instruction.requests) {
        sum.shared = request.shared;
        sum.store = request.store;
        sum.bytes = static_cast<unsigned>(request.bytes);
        ++sum.requests;
        sum.cost += request.shared ? bank_cycles(request, sum.ideal) : sectors(request, sum.ideal);
      }
    }
    warp.clear();
  }
}

namespace {

/// The line of `file` in a chain such as "vector.cuh:12 < norm.cu:31"; 0 if it is not there.
unsigned line_in(const std::string& chain, const std::string& file) {
  const std::size_t at = chain.find(file + ":");
  if (at == std::string::npos || (at > 0 && chain[at - 1] != ' ')) return 0;
  return static_cast<unsigned>(std::stoul(chain.substr(at + file.size() + 1)));
}

}  // namespace

std::vector<Traffic> AccessChecker::traffic_of(const std::string& file) {
  std::map<std::tuple<unsigned, bool, bool, unsigned>, Traffic> lines;
  for (const auto& [code, sum] : traffic_counter.sums()) {
    const unsigned line = line_in(code_location(code), file);
    if (line == 0) continue;
    Traffic& traffic = lines[{line, sum.shared, sum.store, sum.bytes}];
    traffic.file = file;
    traffic.line = line;
    traffic.shared = sum.shared;
    traffic.store = sum.store;
    traffic.bytes = sum.bytes;
    traffic.requests += sum.requests;
    traffic.cost += sum.cost;
    traffic.ideal += sum.ideal;
  }
  traffic_counter.clear();
  std::vector<Traffic> all;
  for (auto& [key, traffic] : lines) all.push_back(std::move(traffic));
  return all;
}

}  // namespace orchid::simt
