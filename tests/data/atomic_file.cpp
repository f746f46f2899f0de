#include "data/io/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/mount.h>

#include "data/io/checksum.h"
#include "data/io/mapped_file.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

std::size_t entries(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                                std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("an atomic file appears with commit and not before", "[data][atomic_file]") {
  const TempDir dir;
  write_text(dir / "file", "old");
  {
    AtomicFile file(dir / "file");
    file.write("new ");
    file.write("content");
    CHECK(file.size() == 11);
    CHECK(read_text(dir / "file") == "old");
    file.commit();
    CHECK(read_text(dir / "file") == "new content");
    CHECK_THROWS_AS(file.write("more"), Error);
  }
  {
    AtomicFile dropped(dir / "file");
    dropped.write("lost");
  }
  CHECK(read_text(dir / "file") == "new content");
  CHECK(entries(dir.path()) == 1);  // no temporary file stays behind
}

TEST_CASE("two writers of one file do not meet", "[data][atomic_file]") {
  const TempDir dir;
  AtomicFile first(dir / "file"), second(dir / "file");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  CHECK(read_text(dir / "file") == "first");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("an atomic file in a missing directory names the file", "[data][atomic_file]") {
  const TempDir dir;
  require_error(ErrorKind::failure, {"absent/file", "cannot create"},
                [&] { AtomicFile(dir / "absent/file"); });
}

TEST_CASE("a full disk is an error and leaves the old file", "[data][atomic_file]") {
  const TempDir dir;
  if (::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    std::cerr << "SKIPPED: a full disk is an error: cannot mount a tmpfs: " << std::strerror(errno)
              << "\n";
    return;
  }
  write_text(dir / "file", "old");
  require_error(ErrorKind::failure, {"file", "No space left", "free some space"}, [&] {
    AtomicFile file(dir / "file");
    const std::string block(4096, 'x');
    for (int i = 0; i < 64; ++i) file.write(block);
    file.commit();
  });
  const std::string content = read_text(dir / "file");
  const std::size_t left = entries(dir.path());
  ::umount(dir.path().c_str());
  CHECK(content == "old");
  CHECK(left == 1);
}

TEST_CASE("a directory is committed once", "[data][atomic_file]") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "a");
  std::filesystem::create_directory(dir / "c");
  write_text(dir / "a/x", "x");
  commit_directory(dir / "a", dir / "b");
  CHECK(read_text(dir / "b/x") == "x");
  require_error(ErrorKind::failure, {"exists already"},
                [&] { commit_directory(dir / "c", dir / "b"); });
}

TEST_CASE("a mapped file shows the bytes and can be moved", "[data][mapped_file]") {
  const TempDir dir;
  write_text(dir / "file", "content");
  write_text(dir / "empty", "");
  MappedFile file = MappedFile::open(dir / "file");
  MappedFile moved = std::move(file);
  CHECK(moved.text() == "content");
  moved = MappedFile::open(dir / "empty");
  CHECK(moved.size() == 0);
  require_error(ErrorKind::input_data, {"absent"}, [&] { MappedFile::open(dir / "absent"); });
  require_error(ErrorKind::input_data, {"regular"}, [&] { MappedFile::open(dir.path()); });
}

TEST_CASE("a checksum notices every flipped bit and any cut", "[data][checksum]") {
  std::string text;
  for (int i = 0; i < 77; ++i) text += static_cast<char>(i * 37);
  const std::uint64_t sum = checksum(text);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(checksum(flipped) != sum);
  }
  std::vector<std::uint64_t> prefixes;
  for (std::size_t size = 0; size <= text.size(); ++size)
    prefixes.push_back(checksum(std::string_view(text).substr(0, size)));
  std::sort(prefixes.begin(), prefixes.end());
  CHECK(std::adjacent_find(prefixes.begin(), prefixes.end()) == prefixes.end());
  CHECK(checksum(text + '\0') != sum);  // padding is not mistaken for content
}

TEST_CASE("a checksum does not depend on how the stream is cut", "[data][checksum]") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * 73);
  for (const std::size_t part : {1u, 7u, 31u, 32u, 33u, 64u, 199u}) {
    Checksum sum;
    for (std::size_t at = 0; at < text.size(); at += part)
      sum.update(std::as_bytes(std::span(text).subspan(at, std::min(part, text.size() - at))));
    CHECK(sum.value() == checksum(text));
  }
}
