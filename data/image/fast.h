#pragma once

// For the loops over pixels that cost the most. ORCHID_FAST: a function is compiled twice, and the
// faster one that the machine can run is taken when the program starts; sanitizers cannot be there
// so early. ORCHID_INLINE: what such a function calls is compiled with it. ORCHID_FOR_ANY and
// ORCHID_FOR_AVX2 before two definitions of one function: for any machine, and, where the second
// is defined, for those with vectors of 256 bits.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#include <immintrin.h>
#define ORCHID_FAST __attribute__((target_clones("avx2", "default")))
#define ORCHID_FOR_ANY __attribute__((target("default")))
#define ORCHID_FOR_AVX2 __attribute__((target("avx2")))
#else
#define ORCHID_FAST
#define ORCHID_FOR_ANY
#endif
#define ORCHID_INLINE inline __attribute__((always_inline))
