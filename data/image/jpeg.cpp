#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

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
  int eighths;                          ///< scale to decode at
  JDIMENSION left, top, width, height;  ///< what is read of the scaled picture
  std::uint8_t* rows;                   ///< where pixels go
  std::uint8_t* ink;                    ///< room for a row of four components, if they are that
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

/// Leaves out the columns beside those that are read; what is read grows to whole blocks.
void narrow(State& state) {
  jpeg_crop_scanline(&state.jpeg, &state.left, &state.width);
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
  const JDIMENSION width = state.width, end = state.top + state.height;
  if (state.top > 0) jpeg_skip_scanlines(&state.jpeg, state.top);
  while (state.jpeg.output_scanline < end) {
    std::uint8_t* rgb =
        state.rows + std::size_t{3} * width * (state.jpeg.output_scanline - state.top);
    JSAMPROW row = state.ink ? state.ink : rgb;
    if (jpeg_read_scanlines(&state.jpeg, &row, 1) != 1) {  // never, of all that is in memory
      std::memset(rgb, 0, std::size_t{3} * width * (end - state.jpeg.output_scanline));
      return;
    }
    if (state.ink) ink_to_rgb(state.ink, rgb, width);
  }
  if (end == state.jpeg.output_height) jpeg_finish_decompress(&state.jpeg);
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
  const bool whole = options.part.width == 0;
  const std::int64_t width = whole ? info.width : options.part.width;
  const std::int64_t height = whole ? info.height : options.part.height;
  int n = 1;
  while (n < 8 && ((width * n + 7) / 8 < options.at_least_width ||
                   (height * n + 7) / 8 < options.at_least_height))
    n *= 2;
  return n;
}

/// Pixels read beside a part: colors are interpolated between neighbours, filters reach a little
/// farther than the part.
constexpr std::int64_t kMargin = 8;

/// First and last but one of the scaled pixels that show `begin` ... `begin + count` of `full`.
std::pair<std::int64_t, std::int64_t> scaled_range(std::int64_t begin, std::int64_t count,
                                                   std::int64_t full, std::int64_t scaled) {
  const std::int64_t end = ((begin + count) * scaled + full - 1) / full;
  return {std::max<std::int64_t>(begin * scaled / full - kMargin, 0),
          std::min(end + kMargin, scaled)};
}

/// Narrows what is read to the part that is asked for.
void choose_part(Reader& reader, const Part& part, DecodeNotes& notes) {
  notes.scaled_width = reader->jpeg.output_width;
  notes.scaled_height = reader->jpeg.output_height;
  reader->width = reader->jpeg.output_width;
  reader->height = reader->jpeg.output_height;
  if (part.width == 0) return;
  const auto [left, right] = scaled_range(part.x, part.width, notes.info.width, notes.scaled_width);
  const auto [top, bottom] =
      scaled_range(part.y, part.height, notes.info.height, notes.scaled_height);
  reader->top = static_cast<JDIMENSION>(top);
  reader->height = static_cast<JDIMENSION>(bottom - top);
  if (right - left < notes.scaled_width) {
    reader->left = static_cast<JDIMENSION>(left);
    reader->width = static_cast<JDIMENSION>(right - left);
    reader.run(narrow);
  }
  notes.x = reader->left;
  notes.y = top;
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
  check_part("JPEG", notes.info, options.part);
  const int components = reader->jpeg.num_components;
  ORCHID_CHECK_INPUT(components == 1 || components == 3 || components == 4,
                     "JPEG: expected 1, 3 or 4 components, got ", components);
  reader->eighths = eighths_for(notes.info, options);
  reader.run(start);
  choose_part(reader, options.part, notes);
  Image image = Image::unset(reader->width, reader->height);
  std::vector<std::uint8_t> ink(components == 4 ? 4 * reader->width : 0);
  reader->rows = image.pixels.data();
  reader->ink = components == 4 ? ink.data() : nullptr;
  reader.run(read_rows);
  if (reader->errors.num_warnings > 0) notes.damage = str("JPEG: ", reader->message);
  ORCHID_CHECK_INPUT(!options.strict || notes.damage.empty(), notes.damage);
  return image;
}

}  // namespace orchid::data
