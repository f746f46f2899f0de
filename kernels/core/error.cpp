#include "kernels/core/error.h"

#include <cstring>

namespace orchid {

Error::Error(std::string message, ErrorKind kind, std::source_location where)
    : text_(std::move(message)), kind_(kind) {
  const char* slash = std::strrchr(where.file_name(), '/');
  text_ += str(" [", slash ? slash + 1 : where.file_name(), ":", where.line(), "]");
}

Error& Error::add_context(const std::string& doing) {
  text_ = doing + ": " + text_;
  return *this;
}

}  // namespace orchid
