#include "data/image/encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>
#include <png.h>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// libjpeg's state and ours; plain data, as libjpeg leaves by longjmp.
struct State {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
  unsigned char* bytes;
  unsigned long size;
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  State& state = *static_cast<State*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, state.message);
  std::longjmp(state.failed, 1);
}

/// False where libjpeg left by an error. Nothing here needs destroying.
bool compress(State& state, const std::uint8_t* rows, JDIMENSION width, JDIMENSION height,
              int quality) {
  if (setjmp(state.failed) != 0) return false;
  jpeg_create_compress(&state.jpeg);
  jpeg_mem_dest(&state.jpeg, &state.bytes, &state.size);
  state.jpeg.image_width = width;
  state.jpeg.image_height = height;
  state.jpeg.input_components = 3;
  state.jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&state.jpeg);
  jpeg_set_quality(&state.jpeg, quality, TRUE);
  state.jpeg.optimize_coding = TRUE;
  jpeg_start_compress(&state.jpeg, TRUE);
  while (state.jpeg.next_scanline < height) {
    JSAMPROW row = const_cast<JSAMPROW>(rows + std::size_t{3} * width * state.jpeg.next_scanline);
    jpeg_write_scanlines(&state.jpeg, &row, 1);
  }
  jpeg_finish_compress(&state.jpeg);
  return true;
}

}  // namespace

std::string encode_jpeg(const Image& image, int quality) {
  ORCHID_CHECK(image.width > 0 && image.height > 0, "JPEG: expected a picture, got none");
  State state{};
  state.jpeg.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = on_error;
  state.jpeg.client_data = &state;
  const bool done = compress(state, image.pixels.data(), static_cast<JDIMENSION>(image.width),
                             static_cast<JDIMENSION>(image.height), quality);
  std::string text(reinterpret_cast<const char*>(state.bytes), done ? state.size : 0);
  jpeg_destroy_compress(&state.jpeg);
  std::free(state.bytes);
  ORCHID_CHECK(done, "JPEG: cannot write: ", state.message);
  return text;
}

std::string encode_png(const Image& image) {
  png_image head{};
  head.version = PNG_IMAGE_VERSION;
  head.width = static_cast<png_uint_32>(image.width);
  head.height = static_cast<png_uint_32>(image.height);
  head.format = PNG_FORMAT_RGB;
  std::string text(PNG_IMAGE_PNG_SIZE_MAX(head), '\0');
  png_alloc_size_t size = text.size();
  const int done =
      png_image_write_to_memory(&head, text.data(), &size, 0, image.pixels.data(), 0, nullptr);
  ORCHID_CHECK(done != 0, "PNG: cannot write: ", head.message);
  text.resize(size);
  return text;
}

}  // namespace orchid::data
