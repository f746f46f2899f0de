#pragma once

namespace orchid::train {

/// Version of the program, the commit it was built from ("unknown" outside git; "+" after it: with
/// changes), and the compiler.
const char* program_version();
const char* program_commit();
const char* compiler_version();

}  // namespace orchid::train
