#pragma once

// For the loops over pixels that cost the most. ORCHID_FAST: a function is compiled twice, and the
// faster one that the machine can run is taken when the program starts; sanitizers cannot be there
// so early. ORCHID_INLINE: what such a function calls is compiled with it.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define ORCHID_FAST __attribute__((target_clones("avx2", "default")))
#else
#define ORCHID_FAST
#endif
#define ORCHID_INLINE inline __attribute__((always_inline))
