#include "tests/simt/device/error.h"

#include <cstdio>
#include <map>

#include <unistd.h>

#include "tests/simt/control.h"
#include "tests/simt/device/lock.h"

namespace orchid::simt {
namespace {

cudaError_t last = cudaSuccess;
cudaError_t failure = cudaSuccess;
bool failure_was_told = true;

std::map<cudaError_t, std::string>& reasons() {
  static std::map<cudaError_t, std::string> reasons;
  return reasons;
}

/// Makes the process fail if it ends with a failure that no call returned.
struct ExitCheck {
  ~ExitCheck() {
    if (failure_was_told) return;
    std::fprintf(stderr, "device work failed and nothing asked: %s\n", reasons()[failure].c_str());
    std::fflush(nullptr);
    _exit(1);
  }
};

cudaError_t told(cudaError_t error) {
  if (error == failure) failure_was_told = true;
  return error;
}

const char* name_of(cudaError_t error) {
#define SIMT_NAME(name) \
  case name:            \
    return #name
  switch (error) {
    SIMT_NAME(cudaSuccess);
    SIMT_NAME(cudaErrorInvalidValue);
    SIMT_NAME(cudaErrorMemoryAllocation);
    SIMT_NAME(cudaErrorInvalidConfiguration);
    SIMT_NAME(cudaErrorInvalidMemcpyDirection);
    SIMT_NAME(cudaErrorInvalidDevice);
    SIMT_NAME(cudaErrorInvalidResourceHandle);
    SIMT_NAME(cudaErrorNotReady);
    SIMT_NAME(cudaErrorNotSupported);
    SIMT_NAME(cudaErrorIllegalAddress);
    SIMT_NAME(cudaErrorLaunchFailure);
    SIMT_NAME(cudaErrorStreamCaptureUnsupported);
    SIMT_NAME(cudaErrorStreamCaptureInvalidated);
    SIMT_NAME(cudaErrorStreamCaptureUnmatched);
    SIMT_NAME(cudaErrorStreamCaptureUnjoined);
    SIMT_NAME(cudaErrorStreamCaptureImplicit);
    SIMT_NAME(cudaErrorStreamCaptureIsolation);
    SIMT_NAME(cudaErrorIllegalState);
    default:
      return "unrecognized error code";
  }
#undef SIMT_NAME
}

}  // namespace

cudaError_t report(cudaError_t error, const std::string& reason) {
  if (error == cudaSuccess) return error;
  last = error;
  reasons()[error] = reason;
  return error;
}

void report_failure(const std::string& reason) {
  reasons()[cudaErrorLaunchFailure] = reason;
  static const ExitCheck check;
  last = failure = cudaErrorLaunchFailure;
  failure_was_told = false;
}

cudaError_t device_failure() {
  return told(failure);
}

bool clear_failure() {
  const Lock lock;
  const bool unnoticed = !failure_was_told;
  last = failure = cudaSuccess;
  failure_was_told = true;
  return unnoticed;
}

std::string failure_text() {
  const Lock lock;
  return failure == cudaSuccess ? "" : reasons()[failure];
}

}  // namespace orchid::simt

using namespace orchid::simt;

extern "C" {

cudaError_t cudaGetLastError() {
  const Lock lock;
  const cudaError_t error = last;
  last = failure;  // that one stays
  return told(error);
}

cudaError_t cudaPeekAtLastError() {
  const Lock lock;
  return told(last);
}

const char* cudaGetErrorName(cudaError_t error) {
  return name_of(error);
}

const char* cudaGetErrorString(cudaError_t error) {
  const Lock lock;
  if (error == cudaSuccess) return "no error";
  const auto found = reasons().find(error);
  return found == reasons().end() ? name_of(error) : found->second.c_str();
}

}  // extern "C"
