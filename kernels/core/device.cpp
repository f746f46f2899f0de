#include "kernels/core/device.h"

#include <charconv>
#include <ostream>

#include "kernels/core/cuda_part.h"
#include "kernels/core/error.h"

namespace orchid {

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.type == DeviceType::cpu) return out << "cpu";
  return out << "cuda:" << device.index;
}

Device parse_device(const std::string& text) {
  if (text == "cpu") return Device{};
  const bool automatic = text == "auto";
  const bool cuda = text == "cuda" || text.rfind("cuda:", 0) == 0;
  ORCHID_CHECK_USAGE(cuda || automatic, "device: expected auto | cpu | cuda[:index], got \"", text,
                     "\"");
  if (!built_with_cuda()) {
    ORCHID_CHECK_USAGE(automatic, "device: \"", text,
                       "\" needs a build with CUDA; this one has the CPU only");
    return Device{};
  }
  const CudaDevices found = find_cuda_devices();
  if (automatic) return found.devices.empty() ? Device{} : Device{DeviceType::cuda, 0};
  ORCHID_CHECK_USAGE(!found.devices.empty(), "device: \"", text,
                     "\": no GPU can be used: ", found.reason);
  Device device{DeviceType::cuda, 0};
  if (text != "cuda") {
    const char* first = text.data() + 5;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, device.index);
    const bool valid = error == std::errc() && end == last && device.index >= 0 &&
                       device.index < std::ssize(found.devices);
    ORCHID_CHECK_USAGE(valid, "device: \"", text, "\": expected an index below ",
                       found.devices.size());
  }
  return device;
}

std::vector<Device> visible_devices() {
  std::vector<Device> devices{Device{}};
  if (!built_with_cuda()) return devices;
  for (const CudaDevice& gpu : find_cuda_devices().devices)
    devices.push_back({DeviceType::cuda, gpu.index});
  return devices;
}

}  // namespace orchid
