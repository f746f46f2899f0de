#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>

#include <png.h>

#include "data/image/formats.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// libpng's state and ours; plain data, as libpng leaves by longjmp, which runs no destructors.
struct State {
  png_structp png;
  png_infop info;
  std::jmp_buf failed;
  char message[200];
  const std::byte* next;  ///< of the file
  std::size_t left;
  std::uint8_t* rows;  ///< where pixels go
  png_uint_32 width, height;
};
static_assert(std::is_trivial_v<State>);

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  State& state = *static_cast<State*>(png_get_error_ptr(png));
  std::snprintf(state.message, sizeof state.message, "%s", message);
  std::longjmp(state.failed, 1);
}

/// What libpng warns of, odd profiles and the like, does no harm to pixels.
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t count) {
  State& state = *static_cast<State*>(png_get_io_ptr(png));
  if (count > state.left) png_error(png, "the file ends too early");
  std::memcpy(to, state.next, count);
  state.next += count;
  state.left -= count;
}

/// Calls libpng; false where it left by an error, which is in `message`. The only place that
/// longjmp returns to: `step` and all that it calls hold nothing that needs destroying.
bool attempt(State& state, void (*step)(State&)) {
  if (setjmp(state.failed) != 0) return false;
  step(state);
  return true;
}

void read_head(State& state) {
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  state.info = state.png ? png_create_info_struct(state.png) : nullptr;
  if (!state.info) {
    std::snprintf(state.message, sizeof state.message, "out of memory");
    std::longjmp(state.failed, 1);
  }
  png_set_read_fn(state.png, &state, on_read);
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours are checked
  png_read_info(state.png, state.info);
  state.width = png_get_image_width(state.png, state.info);
  state.height = png_get_image_height(state.png, state.info);
}

/// Asks for 8-bit RGB, whatever there is.
void start(State& state) {
  png_set_palette_to_rgb(state.png);
  png_set_expand_gray_1_2_4_to_8(state.png);
  png_set_gray_to_rgb(state.png);
  png_set_strip_16(state.png);
  png_set_strip_alpha(state.png);
  png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
  if (png_get_rowbytes(state.png, state.info) != std::size_t{3} * state.width)
    png_error(state.png, "no way to make it 8-bit RGB");
}

void read_rows(State& state) {
  const bool interlaced = png_get_interlace_type(state.png, state.info) != PNG_INTERLACE_NONE;
  for (int pass = 0; pass < (interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1); ++pass)
    for (png_uint_32 y = 0; y < state.height; ++y)
      png_read_row(state.png, state.rows + std::size_t{3} * state.width * y, nullptr);
  png_read_end(state.png, nullptr);
}

/// A decoder that has read everything before the pixels.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : state_(new State{}) {
    state_->next = bytes.data();
    state_->left = bytes.size();
    run(read_head);
  }

  /// Text of the error, or nothing.
  std::string tried(void (*step)(State&)) {
    return attempt(*state_, step) ? "" : str("PNG: ", state_->message);
  }
  void run(void (*step)(State&)) {
    const std::string error = tried(step);
    ORCHID_CHECK_INPUT(error.empty(), error);
  }
  State* operator->() { return state_.get(); }
  ImageInfo info() const { return {ImageFormat::png, state_->width, state_->height}; }

 private:
  struct Destroy {
    void operator()(State* state) const {
      png_destroy_read_struct(&state->png, &state->info, nullptr);
      delete state;
    }
  };
  std::unique_ptr<State, Destroy> state_;
};

}  // namespace

ImageInfo png_info(std::span<const std::byte> bytes) {
  return Reader(bytes).info();
}

Image decode_png(std::span<const std::byte> bytes, const DecodeOptions& options,
                 DecodeNotes& notes) {
  Reader reader(bytes);
  notes.info = reader.info();
  check_pixels("PNG", notes.info, options);
  notes.scaled_width = notes.info.width;
  notes.scaled_height = notes.info.height;
  reader.run(start);
  Image image(notes.info.width, notes.info.height);
  reader->rows = image.pixels.data();
  notes.damage = reader.tried(read_rows);
  ORCHID_CHECK_INPUT(!options.strict || notes.damage.empty(), notes.damage);
  return image;
}

}  // namespace orchid::data
