#include "train/comm/backends.h"

#include <dlfcn.h>

namespace orchid::train {
namespace {

/// The function `name` of a library beside ours; it stays loaded to the end of the process.
template <class Function>
Function* load(const char* library, const char* name, const char* mend) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  ORCHID_CHECK(handle, dlerror(), "; ", mend);
  void* symbol = dlsym(handle, name);
  ORCHID_CHECK(symbol, library, ": ", dlerror());
  return reinterpret_cast<Function*>(symbol);
}

}  // namespace

std::unique_ptr<Communicator> make_nccl(const NcclSetup& setup) {
  auto* make = load<MakeNccl>(
      "liborchid_nccl.so", kMakeNccl,
      "for NCCL, build with -DORCHID_CUDA=ON where nccl.h is, and have libnccl.so.2 installed");
  return std::unique_ptr<Communicator>(make(setup));
}

std::unique_ptr<Communicator> make_mpi(const CommOptions& options) {
  auto* make = load<MakeMpi>("liborchid_mpi.so", kMakeMpi,
                             "for MPI, build where mpi.h is, and have that MPI installed");
  return std::unique_ptr<Communicator>(make(options));
}

}  // namespace orchid::train
