#include <csetjmp>
#include <cstdio>
#include <memory>
#include <type_traits>

#include <jpeglib.h>

#include "data/image/formats.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr int kMostScans = 500;  ///< a progressive file of more costs time for nothing

/// libjpeg's state and ours. libjpeg leaves by longjmp, which runs no destructors: all that it sees
/// is plain data.
struct State {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];  ///< the first warning, or the error
  const unsigned char* bytes;
  std::size_t size;
  int eighths;         ///< scale to decode at
  std::uint8_t* rows;  ///< where pixels go
  std::uint8_t* ink;   ///< room for a row of four components, if they are that
};
static_assert(std::is_trivial_v<State>);

State& state_of(j_common_ptr jpeg) {
  return *static_cast<State*>(jpeg->client_data);
}

[[noreturn]] void on_error(j_common_ptr jpeg) {
  State& state = state_of(jpeg);
  jpeg->err->format_message(jpeg, state.message);
  std::longjmp(state.failed, 1);
}

/// Negative levels are warnings of damaged data, others tell of progress.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  if (jpeg->err->num_warnings++ == 0) jpeg->err->format_message(jpeg, state_of(jpeg).message);
}

void on_progress(j_common_ptr jpeg) {
  State& state = state_of(jpeg);
  if (state.jpeg.input_scan_number <= kMostScans) return;
  std::snprintf(state.message, sizeof state.message, "more than %d scans", kMostScans);
  std::longjmp(state.failed, 1);
}

/// Calls libjpeg; false where it left by an error, which is in `message`. The only place that
/// longjmp returns to: `step` and all that it calls hold nothing that needs destroying.
bool attempt(State& state, void (*step)(State&)) {
  if (setjmp(state.failed) != 0) return false;
  step(state);
  return true;
}

void read_head(State& state) {
  jpeg_create_decompress(&state.jpeg);
  state.progress.progress_monitor = on_progress;
  state.jpeg.progress = &state.progress;
  jpeg_mem_src(&state.jpeg, state.bytes, state.size);
  jpeg_read_header(&state.jpeg, TRUE);
}

void start(State& state) {
  state.jpeg.out_color_space = state.jpeg.num_components == 4 ? JCS_CMYK : JCS_RGB;
  state.jpeg.scale_num = static_cast<unsigned>(state.eighths);
  state.jpeg.scale_denom = 8;
  jpeg_start_decompress(&state.jpeg);
}

/// a * b / 255, rounded to nearest.
constexpr int scaled_by(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Four components as Adobe stores them: 255 is no ink. Red is (255 - black ink) lessened in
/// proportion to the cyan ink, and so on.
void ink_to_rgb(const std::uint8_t* ink, std::uint8_t* rgb, JDIMENSION width) {
  for (JDIMENSION x = 0; x < width; ++x, ink += 4)
    for (int c = 0; c < 3; ++c)
      *rgb++ = static_cast<std::uint8_t>(ink[3] - scaled_by(255 - ink[c], ink[3]));
}

void read_rows(State& state) {
  const JDIMENSION width = state.jpeg.output_width;
  while (state.jpeg.output_scanline < state.jpeg.output_height) {
    std::uint8_t* rgb = state.rows + std::size_t{3} * width * state.jpeg.output_scanline;
    JSAMPROW row = state.ink ? state.ink : rgb;
    if (jpeg_read_scanlines(&state.jpeg, &row, 1) != 1) return;
    if (state.ink) ink_to_rgb(state.ink, rgb, width);
  }
  jpeg_finish_decompress(&state.jpeg);
}

/// A decompressor that has read its head.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : state_(new State{}) {
    state_->jpeg.err = jpeg_std_error(&state_->errors);
    state_->errors.error_exit = on_error;
    state_->errors.emit_message = on_message;
    state_->jpeg.client_data = state_.get();
    state_->bytes = reinterpret_cast<const unsigned char*>(bytes.data());
    state_->size = bytes.size();
    run(read_head);
  }

  void run(void (*step)(State&)) {
    if (!attempt(*state_, step)) throw Error(str("JPEG: ", state_->message), ErrorKind::input_data);
  }
  State* operator->() { return state_.get(); }
  ImageInfo info() const {
    return {ImageFormat::jpeg, state_->jpeg.image_width, state_->jpeg.image_height};
  }

 private:
  struct Destroy {
    void operator()(State* state) const {
      jpeg_destroy_decompress(&state->jpeg);
      delete state;
    }
  };
  std::unique_ptr<State, Destroy> state_;
};

/// The smallest n of 1, 2, 4, 8 so that n/8 of the size, rounded up, is at least what is wanted.
int eighths_for(const ImageInfo& info, const DecodeOptions& options) {
  if (options.at_least_width <= 0 && options.at_least_height <= 0) return 8;
  int n = 1;
  while (n < 8 && ((info.width * n + 7) / 8 < options.at_least_width ||
                   (info.height * n + 7) / 8 < options.at_least_height))
    n *= 2;
  return n;
}

}  // namespace

ImageInfo jpeg_info(std::span<const std::byte> bytes) {
  return Reader(bytes).info();
}

Image decode_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options,
                  DecodeNotes& notes) {
  Reader reader(bytes);
  notes.info = reader.info();
  check_pixels("JPEG", notes.info, options);
  const int components = reader->jpeg.num_components;
  ORCHID_CHECK_INPUT(components == 1 || components == 3 || components == 4,
                     "JPEG: expected 1, 3 or 4 components, got ", components);
  reader->eighths = eighths_for(notes.info, options);
  reader.run(start);
  Image image(reader->jpeg.output_width, reader->jpeg.output_height);
  std::vector<std::uint8_t> ink(components == 4 ? 4 * reader->jpeg.output_width : 0);
  reader->rows = image.pixels.data();
  reader->ink = components == 4 ? ink.data() : nullptr;
  reader.run(read_rows);
  if (reader->errors.num_warnings > 0) notes.damage = str("JPEG: ", reader->message);
  ORCHID_CHECK_INPUT(!options.strict || notes.damage.empty(), notes.damage);
  return image;
}

}  // namespace orchid::data
