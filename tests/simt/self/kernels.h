#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <driver_types.h>

/// Kernels that prove the host executor: right ones, and wrong ones that it has to catch.
namespace orchid::simt::self {

// Right: each launches in the stream of null or the one given, pointers are to device memory.

/// 32x32 tiles; with `padded` false the columns of a tile share a bank, with `scattered` true the
/// stores of a warp lie apart.
void transpose(const float* x, float* y, int rows, int columns, bool padded = true,
               bool scattered = false, cudaStream_t stream = nullptr);
/// sums[r] = sum of row r, in any block size.
void row_sums(const float* x, float* sums, int rows, int width, int block);
/// Sum of all by blocks, the last of which adds their sums up; `done` is 0 before and after.
void last_block_sum(const float* x, float* partial, unsigned* done, float* sum, int n);
/// Votes, shuffles of parts of a warp, threads that end early; out has 160 elements.
void warp_corners(int* out);
/// y = 2 x, with tiles of 256 on their way while the one before is used; n a multiple of 256.
void pipelined_twice(const float* x, float* y, int n);
/// y[i] = bf16(x[i] + x[n - 1 - i]), 8 elements a thread where 16-byte accesses allow it.
void fold_bf16(const float* x, std::uint16_t* y, int n);
/// Every second thread hands a value to its neighbour through shared memory, by __syncwarp alone.
void neighbours(const float* x, float* y);
/// Waits, inside a block, for a flag that another thread sets.
void spin_until_set(int* flag);
/// x[i] = value for i < n, by `blocks` blocks of `threads`, with `shared` bytes of dynamic memory.
void fill(float* x, int n, float value, cudaStream_t stream = nullptr);
void fill_with(float* x, int n, float value, unsigned blocks, unsigned threads, unsigned shared);
/// A grid and block of any shape that do nothing.
void nothing(dim3 grid, dim3 block);
/// 16 bytes a thread, `stride` elements from one to the next.
void copy_vectors(const float* x, float* y, int threads, int stride);
/// What each lane gets of four 8 x 8 matrices at x, 4 words a lane.
void load_matrix_words(const std::uint16_t* x, std::uint32_t* words, bool transposed);
/// d (16, 8) += a (16, 16) b (16, 8), bf16 bits.
void multiply_matrices(const std::uint16_t* a, const std::uint16_t* b, float* d);
/// Loads matrices whose rows are 9 packs of 16 bytes apart, or 8.
void load_far_matrix_rows(std::uint32_t* words, bool padded);

/// A wrong kernel and what finds it.
struct Wrong {
  std::string name;
  std::string finding;  ///< part of the message
  bool needs_checker;   ///< else the executor alone finds it
};
std::vector<Wrong> wrong_kernels();
/// x has 4096 initialised floats, empty 64 that nobody wrote, y room for 4096.
void run_wrong(const std::string& name, const float* x, const float* empty, float* y,
               unsigned* counter);

}  // namespace orchid::simt::self
