// Loads and products of matrices that the lanes of a warp hold together.

#include <bit>
#include <cmath>
#include <cstring>

#include "tests/simt/executor/state.h"
#include "tests/simt/symbols.h"

namespace orchid::simt {
namespace {

constexpr unsigned kSide = 8;  ///< of the matrices that are loaded

/// Of one lane; `code` is where the kernel called.
struct Exchange {
  const void* code;
  std::uint16_t row[kSide];
  bool transposed;
  std::uint32_t* to;
};

struct Product {
  const void* code;
  float* d;
  const std::uint32_t* a;
  std::uint32_t b[2];
};

template <class Data>
Data& data_of(const WarpCall* call) {
  return *static_cast<Data*>(call->data);
}

void check_lanes(std::uint32_t lanes, const void* code) {
  if (lanes != ~0u)
    fail("matrices at %s: expected all lanes of the warp, got %08x; the others have ended",
         code_location(code).c_str(), lanes);
}

/// The first or second bf16 of a word.
double element(std::uint32_t word, unsigned which) {
  return std::bit_cast<float>(which ? word & 0xffff0000u : word << 16);
}

/// The next float32 towards zero, as tensor cores round.
float truncated(double value) {
  const auto near = static_cast<float>(value);
  return std::abs(static_cast<double>(near)) > std::abs(value) ? std::nextafter(near, 0.0f) : near;
}

}  // namespace

void complete_exchange(WarpCall* const* calls, std::uint32_t lanes) {
  check_lanes(lanes, data_of<Exchange>(calls[std::countr_zero(lanes)]).code);
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const auto& own = data_of<Exchange>(calls[lane]);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned m = 0; m < 4; ++m) {
      const auto at = [&](unsigned row, unsigned column) -> std::uint32_t {
        return data_of<Exchange>(calls[m * kSide + row]).row[column];
      };
      own.to[m] = own.transposed ? at(2 * t, g) | at(2 * t + 1, g) << 16
                                 : at(g, 2 * t) | at(g, 2 * t + 1) << 16;
    }
  }
}

void complete_product(WarpCall* const* calls, std::uint32_t lanes) {
  check_lanes(lanes, data_of<Product>(calls[std::countr_zero(lanes)]).code);
  double a[16][16], b[16][8];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const auto& own = data_of<Product>(calls[lane]);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned e = 0; e < 2; ++e) {
      for (unsigned part = 0; part < 4; ++part)
        a[g + part % 2 * 8][2 * t + part / 2 * 8 + e] = element(own.a[part], e);
      for (unsigned part = 0; part < 2; ++part)
        b[2 * t + part * 8 + e][g] = element(own.b[part], e);
    }
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    float* const d = data_of<Product>(calls[lane]).d;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
      double sum = d[i];
      for (unsigned k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      d[i] = truncated(sum);
    }
  }
}

const void* matrix_row(const void* row, Where) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    fail("misaligned: a row of a matrix at an address that is no multiple of 16, at %s",
         code_location(__builtin_return_address(0)).c_str());
  return row;
}

void exchange_matrices(const void* row, bool transposed, std::uint32_t* to, Where where) {
  Exchange data{.code = __builtin_return_address(0), .row = {}, .transposed = transposed, .to = to};
  std::memcpy(data.row, row, sizeof data.row);
  warp_collective({.action = WarpAction::exchange_matrices,
                   .mask = ~0u,
                   .name = "load_matrices",
                   .where = where,
                   .data = &data});
}

void multiply_matrices(float* d, const std::uint32_t* a, std::uint32_t b0, std::uint32_t b1,
                       Where where) {
  Product data{.code = __builtin_return_address(0), .d = d, .a = a, .b = {b0, b1}};
  warp_collective({.action = WarpAction::multiply_matrices,
                   .mask = ~0u,
                   .name = "multiply_add",
                   .where = where,
                   .data = &data});
}

}  // namespace orchid::simt
