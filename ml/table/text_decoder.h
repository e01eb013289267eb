/// Bytes in any encoding in, UTF-8 out, piece by piece.
///
/// With no encoding named it is found out: a byte order mark or NULs at every second byte say
/// UTF-16; else the text is UTF-8, or, if the first byte above 0x7F is none, Windows-1252. What was
/// read before that byte is ASCII and so the same in both.
///
/// Source: Unicode 15, table 3-7 (well-formed UTF-8); all else by iconv(3). Threads: none.
#pragma once

#include "node/base/error.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace starling::ml {

inline constexpr std::size_t kEncodingNameMax = 40;

class TextDecoder {
 public:
  /// `encoding`: a name that iconv knows, in any case; empty: found out.
  explicit TextDecoder(std::string encoding);
  ~TextDecoder();
  TextDecoder(TextDecoder&&) noexcept;

  /// Appends to `out`. The first call decides and should bring some KiB. A character that is cut
  /// off waits for the next piece.
  /// Errors: `invalid_argument` for an unknown encoding or a byte that it does not have; `out` then
  ///         ends before that byte.
  [[nodiscard]] Result<> decode(std::string_view bytes, std::string& out);

  /// The input has ended. Errors: as `decode`, also for a character that is cut off.
  [[nodiscard]] Result<> finish(std::string& out);

  /// utf-8, utf-16le, utf-16be, windows-1252 or what was named, in lower case. utf-8 until known.
  const std::string& encoding() const { return encoding_; }

 private:
  struct Converter;

  Result<> decide(std::string_view& bytes);
  Result<> use(std::string encoding);
  Result<> decode_utf8(std::string_view bytes, std::string& out);
  Result<> convert(std::string_view bytes, std::string& out);
  Result<> read_as_single_bytes(std::string_view bytes, std::string& out);
  void flush(std::string& out);
  Error bad_byte(unsigned char byte) const;

  bool has_started_ = false;
  bool may_be_single_bytes_ = false;  ///< all that was seen is ASCII
  std::string encoding_;
  std::string waiting_;  ///< the first bytes of a character
  std::unique_ptr<Converter> converter_;
};

/// The first byte that is not part of well-formed UTF-8; `text.size()` if there is none. A sequence
/// that only lacks its end is reported at its first byte.
std::size_t find_bad_utf8(std::string_view text);

/// At most the first `bytes` of UTF-8, cut between two characters.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes);

}  // namespace starling::ml
