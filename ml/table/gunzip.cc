#include "ml/table/gunzip.h"

#include <fmt/format.h>

#include <array>
#include <new>
#include <zlib.h>

namespace starling::ml {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;

Error damaged(std::string_view why) {
  return {
      Errc::invalid_argument,
      fmt::format("the gzip file is damaged ({}); unpack it by hand to see what is there", why)};
}

}  // namespace

struct Gunzip::Stream {
  z_stream zlib{};
  std::array<char, 1 << 16> out{};

  Stream() {
    if (inflateInit2(&zlib, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }

  ~Stream() { inflateEnd(&zlib); }

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

bool is_gzip(std::string_view first_bytes) {
  return first_bytes.starts_with("\x1f\x8b");
}

Gunzip::Gunzip(Sink sink) : stream_(std::make_unique<Stream>()), sink_(std::move(sink)) {}

Gunzip::~Gunzip() = default;

Result<> Gunzip::feed(std::string_view bytes) {
  z_stream& zlib = stream_->zlib;
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
  zlib.avail_in = static_cast<uInt>(bytes.size());
  packed_ += bytes.size();
  while (zlib.avail_in > 0) {
    const bool is_zero = *zlib.next_in == 0;
    is_padding_ = is_padding_ || (is_between_ && members_ > 0 && is_zero);
    if (is_padding_ && !is_zero) return damaged("something follows its end");
    if (!is_padding_) {
      if (auto unpacked = unpack(); !unpacked) return unpacked;
      continue;
    }
    ++zlib.next_in;
    --zlib.avail_in;
  }
  return {};
}

/// Up to the end of a member, or of what was given.
Result<> Gunzip::unpack() {
  z_stream& zlib = stream_->zlib;
  is_between_ = false;
  do {
    zlib.next_out = reinterpret_cast<Bytef*>(stream_->out.data());
    zlib.avail_out = static_cast<uInt>(stream_->out.size());
    const int code = inflate(&zlib, Z_NO_FLUSH);
    if (code == Z_BUF_ERROR) return {};  // it wants more, and has nothing left to give
    if (code != Z_OK && code != Z_STREAM_END)
      return damaged(zlib.msg != nullptr ? zlib.msg : "it cannot be read");
    if (auto taken = give(stream_->out.size() - zlib.avail_out); !taken) return taken;
    is_between_ = code == Z_STREAM_END;
  } while (!is_between_ && (zlib.avail_in > 0 || zlib.avail_out == 0));
  if (is_between_) {
    ++members_;
    inflateReset(&zlib);
  }
  return {};
}

Result<> Gunzip::give(std::size_t size) {
  unpacked_ += size;
  if (unpacked_ > kUnpackedBytesMax) {
    return Error{Errc::too_large,
                 fmt::format("unpacked, the file has more than {} GiB", kUnpackedBytesMax >> 30)};
  }
  if (unpacked_ > kUnpackedBytesFree && unpacked_ / kUnpackedRatioMax > packed_) {
    return Error{
        Errc::too_large,
        fmt::format("unpacked, the file is more than {} times as large; unpack it first if "
                    "it is a table",
                    kUnpackedRatioMax)};
  }
  return size == 0 ? Result<>{} : sink_({stream_->out.data(), size});
}

Result<> Gunzip::finish() const {
  return is_between_ ? Result<>{} : damaged("it ends before its end");
}

}  // namespace starling::ml
