#include "data/io/gzip_writer.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <zlib.h>

#include "kernels/core/error.h"

namespace orchid::data {

struct GzipWriter::Stream {
  z_stream zlib{};
  std::vector<Bytef> out = std::vector<Bytef>(std::size_t{1} << 16);
};

GzipWriter::GzipWriter(std::filesystem::path file)
    : file_(std::move(file)), stream_(std::make_unique<Stream>()) {
  constexpr int kGzipFormat = 16, kMemoryLevel = 8;
  const int result = ::deflateInit2(&stream_->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                    MAX_WBITS + kGzipFormat, kMemoryLevel, Z_DEFAULT_STRATEGY);
  ORCHID_CHECK(result == Z_OK, "gzip: cannot start: zlib error ", result);
}

GzipWriter::~GzipWriter() {
  ::deflateEnd(&stream_->zlib);
}

void GzipWriter::deflate_some(int flush) {
  z_stream& zlib = stream_->zlib;
  do {
    zlib.next_out = stream_->out.data();
    zlib.avail_out = static_cast<uInt>(stream_->out.size());
    ::deflate(&zlib, flush);
    const std::size_t size = stream_->out.size() - zlib.avail_out;
    file_.write(std::as_bytes(std::span(stream_->out)).first(size));
  } while (zlib.avail_out == 0);
}

void GzipWriter::write(std::string_view text) {
  constexpr std::size_t kAtMost = std::numeric_limits<uInt>::max();
  while (!text.empty()) {
    const std::size_t size = std::min(text.size(), kAtMost);
    // zlib reads only, but its interface predates const.
    stream_->zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_->zlib.avail_in = static_cast<uInt>(size);
    deflate_some(Z_NO_FLUSH);
    text.remove_prefix(size);
  }
}

void GzipWriter::commit() {
  stream_->zlib.avail_in = 0;
  deflate_some(Z_FINISH);
  file_.commit();
}

}  // namespace orchid::data
