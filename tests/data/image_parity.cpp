#include <cstdlib>
#include <sstream>

#include "data/image/augment.h"
#include "data/image/decode.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

std::vector<std::string> split(const std::string& line, char at) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

/// The lines of a table, each cut at its tabs; # begins a comment.
std::vector<std::vector<std::string>> table(const std::filesystem::path& file) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(slurp(file), '\n'))
    if (!line.empty() && line[0] != '#') rows.push_back(split(line, '\t'));
  return rows;
}

/// One step, as "resize bicubic 0 0 10 10 5 5" or "rotate 12.5 bilinear"; Pillow's images.py does
/// the same.
Image done(Image image, const std::string& step) {
  std::istringstream words(step);
  std::string what, filter;
  words >> what;
  if (what == "decode") return image;
  if (what == "flip") {
    flip_horizontal(image);
  } else if (what == "resize") {
    Box box;
    std::int64_t width = 0, height = 0;
    words >> filter >> box.left >> box.top >> box.right >> box.bottom >> width >> height;
    image = resize(image, box, width, height, parse_enum<Filter>(filter));
  } else if (what == "evaluation") {
    std::int64_t shorter = 0, size = 0;
    words >> filter >> shorter >> size;
    image = evaluation_crop(image, shorter, size, parse_enum<Filter>(filter));
  } else if (what == "shifted") {
    std::int64_t x = 0, y = 0;
    words >> x >> y;
    image = shifted(image, x, y);
  } else {
    AugmentStep apply_it{.op = parse_enum<AugmentOp>(what)};
    words >> apply_it.argument >> filter;
    apply_it.filter = parse_enum<Filter>(filter);
    apply(image, apply_it);
  }
  REQUIRE(!words.fail());
  return image;
}

std::string hex(std::uint32_t value) {
  std::ostringstream text;
  text << std::hex << value;
  return text.str();
}

std::string checksum_of(const Image& image) {
  return hex(crc32({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()}));
}

std::array<double, 3> means(const Image& image) {
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) sums[i % 3] += image.pixels[i];
  for (double& sum : sums) sum /= static_cast<double>(image.width * image.height);
  return sums;
}

/// A line of what ORCHID_IMAGES names: where the result goes, the file, the step.
void answer(const std::vector<std::string>& request) {
  std::ostringstream result;
  try {
    DecodeNotes notes;
    const MappedFile file = MappedFile::open(request.at(1));
    const Image image = done(decode_image(file.bytes(), {}, &notes), request.at(2));
    result << image.width << " " << image.height << " " << notes.damage << "\n";
    result.write(reinterpret_cast<const char*>(image.pixels.data()), std::ssize(image.pixels));
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::input_data);
    result << "refused " << error.what() << "\n";
  }
  spit(request.at(0), result.str());
}

}  // namespace

// Checksums of what Pillow makes of the two pictures, by scripts/parity/images.py, which also runs
// this on photographs through ORCHID_IMAGES.
TEST_CASE("pictures are resized and changed as by Pillow, to the bit",
          "[data][image][image_parity]") {
  if (const char* requests = std::getenv("ORCHID_IMAGES")) {
    for (const auto& request : table(requests)) answer(request);
    return;
  }
  const Image noise = uneven_image(61, 47), dull = dull_image(48, 33);
  const auto rows = table(source_dir() / "tests/data/images/pillow.txt");
  CHECK(rows.size() > 90);
  for (const auto& row : rows) {
    REQUIRE(row.size() == 3);
    INFO(row[0] << ": " << row[1]);
    CHECK(checksum_of(done(row[0] == "noise" ? noise : dull, row[1])) == row[2]);
  }
}

TEST_CASE("real pictures decode as by Pillow", "[data][image]") {
  if (!shared_image("odd_images")) return;
  int exact = 0;
  for (const auto& row : table(source_dir() / "tests/data/images/real.txt")) {
    REQUIRE(row.size() == 7);  // name, width, height, checksum (PNG alone), means
    const auto file = shared_image(row[0]);
    if (!file) continue;
    INFO(row[0]);
    const Image image = decode_image(MappedFile::open(*file).bytes());
    CHECK(image.width == std::stoll(row[1]));
    CHECK(image.height == std::stoll(row[2]));
    if (row[3] != "-") {
      CHECK(checksum_of(image) == row[3]);
      ++exact;
    }
    const auto got = means(image);  // decoders of JPEG may differ in the last bit
    for (std::size_t c = 0; c < 3; ++c) CHECK(std::abs(got[c] - std::stod(row[4 + c])) < 0.5);
  }
  CHECK(exact >= 7);
}

TEST_CASE("broken pictures are refused, or decoded with a note", "[data][image]") {
  const auto folder = shared_image("odd_images/broken");
  if (!folder) return;
  for (const std::string name :
       {"empty", "missing-sof", "missing-sos", "null_height", "jpeg_lossless_sel1"}) {
    INFO(name);
    const MappedFile file = MappedFile::open(*folder / (name + ".jpg"));
    require_error(ErrorKind::input_data, {"JPEG"}, [&] { decode_image(file.bytes()); });
  }
  for (const std::string name : {"truncated_jpeg", "progressive-missing-dc", "invalid-exif"}) {
    INFO(name);
    const MappedFile file = MappedFile::open(*folder / (name + ".jpg"));
    DecodeNotes notes;
    CHECK(decode_image(file.bytes(), {}, &notes).width > 0);
    CHECK(notes.damage.empty() == (name == "invalid-exif"));
  }
}
