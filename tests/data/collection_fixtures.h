#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image/open.h"
#include "tests/data/image_fixtures.h"
#include "tests/support/temp_dir.h"

namespace orchid::test {

/// A member of a tar: its head and its content, padded. `target`: of a link.
std::string tar_member(const std::string& name, const std::string& content, char type = '0',
                       const std::string& target = "");
/// Two empty blocks: the end of a tar.
std::string tar_end();

/// MNIST's files of `count` pictures of width x height; pixel p of picture i is 7 i + p, its label
/// i % 10.
void write_idx(const std::filesystem::path& folder, const std::string& part, std::uint32_t count,
               std::uint32_t width, std::uint32_t height);

/// A record of CIFAR-10: plane c holds 80 c + i + p % 16, the label is i % 10.
std::string cifar_pixels(int i);
std::string cifar_record(int i);
/// A batch as CIFAR-10's python version has it, of records first ... first + count - 1.
std::string pickled_batch(int first, int count);

/// A gray PNG of one value.
std::string gray_png(std::uint32_t width, std::uint32_t height, std::uint32_t value);

/// Class folders with pictures: n2 holds 2 of them, n10 holds 3; their value is 10 times the number
/// of the class, plus that of the picture.
void write_tree(const std::filesystem::path& folder);
/// What pictures() says of it.
extern const std::vector<std::string> kTree;
/// "class/value" of each picture: what is at its first pixel.
std::vector<std::string> pictures(const data::ImageCollection&);
/// Files of a tree as members of a tar.
std::string tarred(const std::filesystem::path& folder, const std::string& prefix);

}  // namespace orchid::test
