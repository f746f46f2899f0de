#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace orchid {

enum class DeviceType { cpu, cuda };

/// Where memory lies and work runs; prints as "cpu" or "cuda:1".
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

std::ostream& operator<<(std::ostream&, const Device&);

/// "auto" (the first GPU if there is one, else the CPU), "cpu", "cuda" or "cuda:1".
/// Throws a usage Error for anything else, and for a GPU that is not there.
Device parse_device(const std::string& text);

/// The CPU first, then every visible GPU.
std::vector<Device> visible_devices();

}  // namespace orchid
