#pragma once

#include <type_traits>

// Loads and stores with cache hints, which say nothing here. Part of tests/simt/builtins.h.

#define SIMT_LOAD(function)                   \
  template <class T>                          \
  SIMT_BUILTIN T function(const T* address) { \
    return *address;                          \
  }
SIMT_LOAD(__ldg)
SIMT_LOAD(__ldca)
SIMT_LOAD(__ldcg)
SIMT_LOAD(__ldcs)
SIMT_LOAD(__ldcv)
SIMT_LOAD(__ldlu)
#undef SIMT_LOAD

#define SIMT_STORE(function)                                              \
  template <class T>                                                      \
  SIMT_BUILTIN void function(T* address, std::type_identity_t<T> value) { \
    *address = value;                                                     \
  }
SIMT_STORE(__stcg)
SIMT_STORE(__stcs)
SIMT_STORE(__stwb)
SIMT_STORE(__stwt)
#undef SIMT_STORE
