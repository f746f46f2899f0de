#pragma once

#include <string>

#include <driver_types.h>

namespace orchid::simt {

/// Remembers `error` as the last one, with its reason, and returns it.
cudaError_t report(cudaError_t error, const std::string& reason);

/// A failure of device work: every call that waits returns it from here on.
void report_failure(const std::string& reason);
/// That failure, or success.
cudaError_t device_failure();

}  // namespace orchid::simt
