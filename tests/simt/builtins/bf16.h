#pragma once

#include <cmath>

// Functions of bfloat16 that cuda_bf16.h gives to the device only. Part of tests/simt/builtins.h.

SIMT_BUILTIN __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
  // The product of two is exact in float; the sum in double rounds once to float, once to bf16.
  return __float2bfloat16_rn(static_cast<float>(static_cast<double>(__bfloat162float(a)) *
                                                    static_cast<double>(__bfloat162float(b)) +
                                                static_cast<double>(__bfloat162float(c))));
}
SIMT_BUILTIN __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  return __halves2bfloat162(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y));
}

#define SIMT_BF16_FUNCTION(function, of_float)                 \
  SIMT_BUILTIN __nv_bfloat16 function(__nv_bfloat16 x) {       \
    return __float2bfloat16_rn(of_float(__bfloat162float(x))); \
  }
SIMT_BF16_FUNCTION(hexp, expf)
SIMT_BF16_FUNCTION(hlog, logf)
SIMT_BF16_FUNCTION(hsqrt, sqrtf)
SIMT_BF16_FUNCTION(hrsqrt, 1.0f / sqrtf)
#undef SIMT_BF16_FUNCTION
