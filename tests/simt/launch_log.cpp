#include "tests/simt/launch_log.h"

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/simt/control.h"
#include "tests/simt/symbols.h"

namespace orchid::simt {
namespace {

struct Log {
  std::set<const void*> kernels, recent;

  ~Log() {
    const char* file = std::getenv("SIMT_LAUNCHED");
    if (!file) return;
    std::set<std::string> names;
    for (const void* kernel : kernels) names.insert(function_name(kernel));
    std::ofstream out(file, std::ios::app);
    for (const std::string& name : names) out << name << '\n';
  }
};

Log& log_of_launches() {
  static Log log;
  return log;
}

}  // namespace

void note_launched(const void* kernel) {
  log_of_launches().kernels.insert(kernel);
  log_of_launches().recent.insert(kernel);
}

std::vector<std::string> launched_kernels() {
  std::vector<std::string> names;
  for (const void* kernel : log_of_launches().recent) names.push_back(function_name(kernel));
  log_of_launches().recent.clear();
  return names;
}

}  // namespace orchid::simt
