#pragma once

namespace orchid::simt {

/// Remembers that the kernel ran. At exit the names are appended to the file SIMT_LAUNCHED names.
void note_launched(const void* kernel);

}  // namespace orchid::simt
