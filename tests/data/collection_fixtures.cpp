#include "tests/data/collection_fixtures.h"

#include <algorithm>
#include <cstdio>

namespace orchid::test {
namespace {

std::string octal(std::uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

std::string number(std::uint32_t value, int bytes, bool big) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(value >> (8 * (big ? bytes - 1 - i : i)) & 255);
  return text;
}

}  // namespace

std::string tar_member(const std::string& name, const std::string& content, char type,
                       const std::string& target) {
  std::string head(512, '\0');
  head.replace(0, name.size(), name);
  head.replace(100, 8, "0000644\0", 8);
  head.replace(124, 11, octal(content.size(), 11));
  head.replace(136, 11, octal(1234567, 11));
  head.replace(148, 8, 8, ' ');
  head[156] = type;
  head.replace(157, target.size(), target);
  head.replace(257, 8, "ustar\00000", 8);
  std::uint64_t sum = 0;
  for (const char c : head) sum += static_cast<unsigned char>(c);
  head.replace(148, 7, octal(sum, 6) + '\0');
  std::string body = content;
  body.resize((body.size() + 511) / 512 * 512, '\0');
  return head + body;
}

std::string tar_end() {
  return std::string(1024, '\0');
}

void write_idx(const std::filesystem::path& folder, const std::string& part, std::uint32_t count,
               std::uint32_t width, std::uint32_t height) {
  std::string images = number(0x803, 4, true) + number(count, 4, true) + number(height, 4, true) +
                       number(width, 4, true);
  std::string labels = number(0x801, 4, true) + number(count, 4, true);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t p = 0; p < width * height; ++p) images += static_cast<char>(7 * i + p);
    labels += static_cast<char>(i % 10);
  }
  spit(folder / (part + "-images-idx3-ubyte"), images);
  spit(folder / (part + "-labels-idx1-ubyte"), labels);
}

std::string cifar_pixels(int i) {
  std::string text;
  for (int c = 0; c < 3; ++c)
    for (int p = 0; p < 1024; ++p) text += static_cast<char>(80 * c + i + p % 16);
  return text;
}

std::string cifar_record(int i) {
  return static_cast<char>(i % 10) + cifar_pixels(i);
}

std::string pickled_batch(int first, int count) {
  const auto text = [](const std::string& value) {
    return "U" + number(static_cast<std::uint32_t>(value.size()), 1, false) + value;
  };
  std::string labels, data;
  for (int i = first; i < first + count; ++i) {
    labels += std::string("K") + static_cast<char>(i % 10);
    data += cifar_pixels(i);
  }
  std::string out("\x80\x02}q\x01(", 6);
  out += text("batch_label") + text("testing batch 1 of 1");
  out += text("labels") + "]q\x03(" + labels + "e";
  out += text("data") + "cnumpy.core.multiarray\n_reconstruct\nq\x04" + "cnumpy\nndarray\n";
  out += std::string("K\0\x85", 3) + text("b") + "\x87R(K\x01";  // the call, and the state's start
  out += "M" + number(static_cast<std::uint32_t>(count), 2, false) + "M" + number(3072, 2, false) +
         "\x86";
  out += "cnumpy\ndtype\n" + text("u1") + std::string("K\0K\1\x87R(K\3", 9) + text("|") + "NNNJ" +
         number(0xFFFFFFFF, 4, false) + "J" + number(0xFFFFFFFF, 4, false) +
         std::string("K\0tb", 4);
  out += "\x89T" + number(static_cast<std::uint32_t>(data.size()), 4, false) + data + "tb";
  return out + text("filenames") + "](" + text("a.png") + "eu.";
}

std::string gray_png(std::uint32_t width, std::uint32_t height, std::uint32_t value) {
  Png png{.width = width, .height = height, .color = 0};
  png.samples.assign(std::size_t{width} * height, value);
  return png.encode();
}

void write_tree(const std::filesystem::path& folder) {
  for (std::uint32_t i = 0; i < 2; ++i)
    spit(folder / "n2" / (std::to_string(i) + ".png"), gray_png(6, 5, 20 + i));
  for (std::uint32_t i = 0; i < 3; ++i)
    spit(folder / "n10" / (std::to_string(i) + ".JPEG"), gray_png(6, 5, 100 + i));
}

const std::vector<std::string> kTree{"n10/100", "n10/101", "n10/102", "n2/20", "n2/21"};

std::vector<std::string> pictures(const data::ImageCollection& images) {
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < images.size(); ++i)
    all.push_back(str(images.classes()[static_cast<std::size_t>(images.label(i))], "/",
                      int{images.image(i).pixels[0]}));
  return all;
}

std::string tarred(const std::filesystem::path& folder, const std::string& prefix) {
  std::string tar;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.rbegin(), files.rend());  // not in the order that is wanted
  for (const auto& file : files)
    tar += tar_member(prefix + file.lexically_relative(folder).string(), slurp(file));
  return tar;
}

}  // namespace orchid::test
