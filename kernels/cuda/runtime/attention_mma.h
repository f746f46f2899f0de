#pragma once

#include "kernels/ops/attention.h"

namespace orchid::ops {

/// The ops in bf16 on the tensor cores, kernels/cuda/attention_mma.cu and attention_mma_grad.cu:
/// for heads of a multiple of 16 channels, up to 128, in operands at multiples of 16 bytes.
bool takes_mma(const Attention&);
bool takes_mma(const AttentionGrad&);
void attention_by_mma(Context&, const Attention&);
void attention_grad_by_mma(Context&, const AttentionGrad&);

}  // namespace orchid::ops
