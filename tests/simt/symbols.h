#pragma once

#include <string>

namespace orchid::simt {

/// The demangled name of a function of this process without its parameters, also of one with
/// internal linkage: "orchid::cuda::(anonymous namespace)::norm<float, 256>".
std::string function_name(const void* function);

/// "norm.cu:31", with the places it was inlined into: "vector.cuh:12 < norm.cu:31". Needs the
/// program addr2line; without it, the object and the offset. Kept until the process ends, so that
/// a thread of a kernel that fails with it, and is never unwound, leaks nothing.
const std::string& code_location(const void* return_address);

}  // namespace orchid::simt
