#pragma once

#include <utility>

#include "kernels/core/context.h"

namespace orchid::cpu {

/// While it lives, ops that an op is made of are not traced beside it.
class Untraced {
 public:
  explicit Untraced(Context& ctx) : ctx_(ctx), trace_(std::exchange(ctx.trace, nullptr)) {}
  ~Untraced() { ctx_.trace = trace_; }
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;

 private:
  Context& ctx_;
  Trace* trace_;
};

}  // namespace orchid::cpu
