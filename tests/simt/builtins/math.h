#pragma once

#include <cmath>

#include <features.h>

// Functions of float that the C library lacks. Exact to rounding here; the approximate ones
// (__expf) err by a few units in the last place on a GPU. Part of tests/simt/builtins.h.

SIMT_BUILTIN float min(float a, float b) {
  return fminf(a, b);
}
SIMT_BUILTIN float max(float a, float b) {
  return fmaxf(a, b);
}
SIMT_BUILTIN double min(double a, double b) {
  return fmin(a, b);
}
SIMT_BUILTIN double max(double a, double b) {
  return fmax(a, b);
}

using std::isfinite;
using std::isinf;
using std::isnan;

// Newer C libraries have some of them.
#if !__GLIBC_PREREQ(2, 41)
SIMT_BUILTIN float sinpif(float x) {
  return static_cast<float>(sin(M_PI * remainder(static_cast<double>(x), 2.0)));
}
SIMT_BUILTIN float cospif(float x) {
  return static_cast<float>(cos(M_PI * remainder(static_cast<double>(x), 2.0)));
}
#endif
#if !__GLIBC_PREREQ(2, 42)
SIMT_BUILTIN float rsqrtf(float x) {
  return 1.0f / sqrtf(x);
}
#endif
SIMT_BUILTIN double rsqrt(double x) {
  return 1.0 / sqrt(x);
}
SIMT_BUILTIN void sincospif(float x, float* sine, float* cosine) {
  *sine = sinpif(x);
  *cosine = cospif(x);
}
SIMT_BUILTIN float normcdff(float x) {
  return static_cast<float>(0.5 * erfc(-static_cast<double>(x) * M_SQRT1_2));
}

SIMT_BUILTIN float __expf(float x) {
  return expf(x);
}
SIMT_BUILTIN float __exp10f(float x) {
  return exp10f(x);
}
SIMT_BUILTIN float __logf(float x) {
  return logf(x);
}
SIMT_BUILTIN float __log2f(float x) {
  return log2f(x);
}
SIMT_BUILTIN float __log10f(float x) {
  return log10f(x);
}
SIMT_BUILTIN float __sinf(float x) {
  return sinf(x);
}
SIMT_BUILTIN float __cosf(float x) {
  return cosf(x);
}
SIMT_BUILTIN float __tanhf(float x) {
  return tanhf(x);
}
SIMT_BUILTIN void __sincosf(float x, float* sine, float* cosine) {
  *sine = sinf(x);
  *cosine = cosf(x);
}
SIMT_BUILTIN float __powf(float x, float y) {
  return powf(x, y);
}
SIMT_BUILTIN float __fdividef(float x, float y) {
  return x / y;
}
SIMT_BUILTIN float fdividef(float x, float y) {
  return x / y;
}
SIMT_BUILTIN float __saturatef(float x) {
  return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f;
}

SIMT_BUILTIN float __frcp_rn(float x) {
  return 1.0f / x;
}
SIMT_BUILTIN float __fsqrt_rn(float x) {
  return sqrtf(x);
}
SIMT_BUILTIN float __frsqrt_rn(float x) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(x)));
}
SIMT_BUILTIN float __fadd_rn(float a, float b) {
  return a + b;
}
SIMT_BUILTIN float __fsub_rn(float a, float b) {
  return a - b;
}
SIMT_BUILTIN float __fmul_rn(float a, float b) {
  return a * b;
}
SIMT_BUILTIN float __fdiv_rn(float a, float b) {
  return a / b;
}
SIMT_BUILTIN float __fmaf_rn(float a, float b, float c) {
  return fmaf(a, b, c);
}

SIMT_BUILTIN int __float2int_rn(float x) {
  return static_cast<int>(nearbyintf(x));
}
SIMT_BUILTIN int __float2int_rz(float x) {
  return static_cast<int>(x);
}
SIMT_BUILTIN int __float2int_rd(float x) {
  return static_cast<int>(floorf(x));
}
SIMT_BUILTIN int __float2int_ru(float x) {
  return static_cast<int>(ceilf(x));
}
SIMT_BUILTIN float __int2float_rn(int x) {
  return static_cast<float>(x);
}
SIMT_BUILTIN float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
