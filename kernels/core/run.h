#pragma once

#include "kernels/core/context.h"
#include "kernels/core/operands.h"

namespace orchid {

/// Runs one op on the context's device. This is the only place that chooses a backend.
///
/// An op is a plain struct: operands (In, Out, Acc or their Optional forms) and attributes as named
/// fields, plus
///   static constexpr const char* name;   // as it appears in errors, traces and profiles
///   ORCHID_OPERANDS(x, gamma, y)         // every operand, once
///   void check() const;                  // shapes and attributes: ops/<family>.cpp
///   void cpu(Context&) const;            // cpu/<family>.cpp
///   ORCHID_CUDA_PART void cuda(Context&) const;  // cuda/<family>.cu
/// and, where arithmetic counts, double flops() const.
template <class Op>
void run(Context& ctx, const Op& op) {
  check_operands(ctx, op);
  op.check();
  if (ctx.is_planning()) {
    ctx.tally.bytes += operand_bytes(op);
    if constexpr (requires { op.flops(); }) ctx.tally.flops += op.flops();
    return;
  }
  const TraceScope scope(ctx.trace, Op::name);
  if (ctx.device().type == DeviceType::cuda) {
    begin_cuda_op(ctx, Op::name);
    op.cuda(ctx);
    return end_cuda_op(ctx, Op::name);
  }
  op.cpu(ctx);
}

}  // namespace orchid
