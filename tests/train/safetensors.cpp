#include "train/checkpoint/safetensors.h"

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::Array;
using orchid::test::download;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
using orchid::test::upload;

namespace {

/// A file with this header, its right length in front, and `data_bytes` bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string text(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(header.size() >> (8 * i));
  return text + header + std::string(data_bytes, '\1');
}

/// Opening a file with this content fails as bad input and names `part`.
void check_refused(const std::string& content, const std::string& part) {
  const TempDir dir;
  spit(dir / "x.safetensors", content);
  try {
    SafetensorsFile::open(dir / "x.safetensors");
    FAIL("expected an error with: " << part);
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == ErrorKind::input_data);
    CHECK(std::string(error.what()).find(part) != std::string::npos);
    CHECK(std::string(error.what()).find("x.safetensors") != std::string::npos);
  }
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("tensors of every type come back as written", "[train][safetensors]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  const Tensor a = upload(ctx, {1, 2.5, -3}, {3}), b = upload(ctx, Array{1e300}, {}, DType::f64);
  const Tensor c = upload(ctx, Array{1, -2, 3, 4}, {2, 2}, DType::i32);
  const Tensor d = upload(ctx, Array{9e15}, {1, 1, 1, 1}, DType::i64);
  const WrittenFile written =
      write_safetensors(dir / "x", {{"a", a}, {"b \"q\"", b}, {"c", c}, {"d", d}}, {{"step", "3"}});
  CHECK(written.bytes == slurp(dir / "x").size());

  const SafetensorsFile file = SafetensorsFile::open(dir / "x");
  CHECK(file.entries().size() == 4);
  CHECK(file.metadata().at("step") == "3");
  for (const auto& [name, tensor] :
       {std::pair{"a", a}, std::pair{"b \"q\"", b}, std::pair{"c", c}, std::pair{"d", d}}) {
    Tensor read = ctx.empty(tensor.shape(), tensor.dtype());
    file.read(name, read);
    CHECK(download(read) == download(tensor));
  }
}

TEST_CASE("the bytes are those of the format", "[train][safetensors]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  write_safetensors(dir / "x", {{"w", upload(ctx, Array{1, 2}, {2}, DType::i32)}});
  const std::string header = R"({"w":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})";
  std::string expected = file_of(header + std::string((8 - header.size() % 8) % 8, ' '), 0);
  expected += std::string("\1\0\0\0\2\0\0\0", 8);
  CHECK(slurp(dir / "x") == expected);
}

TEST_CASE("a file without tensors is valid", "[train][safetensors]") {
  const TempDir dir;
  write_safetensors(dir / "x", {});
  CHECK(SafetensorsFile::open(dir / "x").entries().empty());
}

TEST_CASE("reading into a tensor of another type or shape is refused", "[train][safetensors]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  write_safetensors(dir / "x", {{"w", upload(ctx, {1, 2}, {2})}});
  const SafetensorsFile file = SafetensorsFile::open(dir / "x");
  const auto read = [&](const std::string& name, const Shape& shape, DType dtype) {
    Tensor to = ctx.empty(shape, dtype);
    file.read(name, to);
  };
  test::require_error([&] { read("v", {2}, DType::f32); }, "no tensor \"v\"");
  test::require_error([&] { read("w", {1, 2}, DType::f32); }, "w: expected shape (1, 2), got (2)");
  test::require_error([&] { read("w", {2}, DType::f64); }, "w: expected f64, got f32");
}

TEST_CASE("two tensors of one name cannot be written", "[train][safetensors]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  const Tensor w = upload(ctx, Array{1}, {1});
  test::require_error(
      [&] {
        write_safetensors(dir / "x", {{"w", w}, {"w", w}});
      },
      "two tensors named \"w\"");
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("damaged files are refused with the reason", "[train][safetensors]") {
  check_refused("", "truncated: expected at least 8 bytes, got 0");
  check_refused("1234567", "truncated: expected at least 8 bytes, got 7");
  check_refused(std::string(8, '\xff') + "{}", "header: expected at most 100000000 bytes");
  check_refused(file_of("{}", 0).substr(0, 9), "truncated: the header has 2 bytes");
  check_refused(file_of("{\"a\":", 0), "header: not valid JSON");
  check_refused(file_of("[]", 0), "header: expected an object, got []");
  check_refused(file_of("{}", 3), "the last 3 bytes belong to no tensor");
  check_refused(file_of("{\"a\":3}", 0), "a: expected dtype, shape and data_offsets, got 3");
  check_refused(file_of("{\"__metadata__\":{\"a\":3}}", 0), "__metadata__.a: expected text");
}

TEST_CASE("damaged tensors are refused by name", "[train][safetensors]") {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return file_of("{" + entry("w", dtype, shape, offsets) + "}", 8);
  };
  check_refused(one("BF16", "[4]", "[0,8]"), "w: dtype: expected F32 | F64 | I32 | I64, got");
  check_refused(one("F32", "[3]", "[0,8]"), "w: data_offsets: expected 12 bytes for shape (3)");
  check_refused(one("F32", "[2]", "[0,9]"), "w: data_offsets: [0, 9] lies outside");
  check_refused(one("F32", "[2]", "[8,0]"), "w: data_offsets: [8, 0] lies outside");
  check_refused(one("F32", "[2]", "[0]"), "w: data_offsets: expected [begin, end]");
  check_refused(one("F32", "[-2]", "[0,8]"), "w: shape: expected integers of 0 or more, got -2");
  check_refused(one("F32", "[2.0]", "[0,8]"), "w: shape: expected integers of 0 or more");
  check_refused(one("F32", "2", "[0,8]"), "w: shape: expected a list, got 2");
  // 2^62 * 4 bytes and 2^32 * 2^32 elements wrap to 0 in 64 bits.
  check_refused(one("F32", "[4611686018427387904]", "[0,0]"), "w: shape (4611686018427387904)");
  check_refused(one("F32", "[4294967296,4294967296]", "[0,0]"), "too large");
  check_refused(one("F32", "[18446744073709551615]", "[0,8]"), "w: shape: extent");
}

TEST_CASE("tensors must tile the data exactly and have one name each", "[train][safetensors]") {
  const auto two = [](const std::string& first, const std::string& second) {
    return file_of("{" + first + "," + second + "}", 16);
  };
  check_refused(two(entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[3]", "[4,16]")),
                "b: overlaps the tensor before it");
  check_refused(two(entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[1]", "[12,16]")),
                "b: 4 bytes before it belong to no tensor");
  check_refused(two(entry("a", "F32", "[2]", "[0,8]"), entry("a", "F32", "[2]", "[8,16]")),
                "a: the key appears twice in one object");
}

TEST_CASE("every truncation of a valid file is refused", "[train][safetensors]") {
  const TempDir dir;
  const Context ctx({}, DType::f32, 1);
  write_safetensors(dir / "x", {{"w", upload(ctx, {1, 2, 3}, {3})}}, {{"a", "b"}});
  const std::string whole = slurp(dir / "x");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    spit(dir / "y", whole.substr(0, size));
    CHECK_THROWS_AS(SafetensorsFile::open(dir / "y"), Error);
  }
}
