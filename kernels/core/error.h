#pragma once

#include <exception>
#include <source_location>
#include <sstream>
#include <string>

namespace orchid {

/// What kind of mistake an Error reports; the program's exit code follows from it.
enum class ErrorKind {
  failure,     ///< something went wrong while running (exit 1)
  usage,       ///< bad command line or configuration; nothing was started (exit 2)
  input_data,  ///< a file given as input is missing, damaged or of the wrong kind (exit 3)
};

/// Everything this project throws. `what()` reads outermost context first:
///   reading x.json: model.mixer.taps: expected an odd number, got 4 [config.cpp:88]
class Error : public std::exception {
 public:
  explicit Error(std::string message, ErrorKind kind = ErrorKind::failure,
                 std::source_location where = std::source_location::current());

  /// Prepends what the caller was doing, on the way up: catch, add_context, throw again.
  Error& add_context(const std::string& doing);

  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
  ErrorKind kind_;
};

/// Concatenates anything that streams: str("L=", length, " > N=", fft_size).
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Runs `body`; an Error that leaves it gets `doing` in front of its text.
template <class Body>
decltype(auto) with_context(const std::string& doing, Body&& body) {
  try {
    return body();
  } catch (Error& error) {
    error.add_context(doing);
    throw;
  }
}

}  // namespace orchid

/// Checks a condition that depends on input (config, shapes, files). Stays on in every build.
/// The message says what was expected, what came, and how to mend it where that is known.
#define ORCHID_CHECK(condition, ...)                                     \
  do {                                                                   \
    if (!(condition)) throw ::orchid::Error(::orchid::str(__VA_ARGS__)); \
  } while (false)

/// The same for the command line and configuration (exit code 2).
#define ORCHID_CHECK_USAGE(condition, ...)                                           \
  do {                                                                               \
    if (!(condition))                                                                \
      throw ::orchid::Error(::orchid::str(__VA_ARGS__), ::orchid::ErrorKind::usage); \
  } while (false)

/// The same for the content of input files (exit code 3).
#define ORCHID_CHECK_INPUT(condition, ...)                                                \
  do {                                                                                    \
    if (!(condition))                                                                     \
      throw ::orchid::Error(::orchid::str(__VA_ARGS__), ::orchid::ErrorKind::input_data); \
  } while (false)
