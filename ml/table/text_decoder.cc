#include "ml/table/text_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iconv.h>
#include <utility>

namespace starling::ml {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

const unsigned char* as_bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// How many bytes the character that begins with `first` has, and what its second byte may be.
struct Utf8Form {
  std::size_t size = 0;  ///< 0: none begins so
  unsigned char low = 0x80, high = 0xBF;
};

Utf8Form utf8_form(unsigned char first) {
  if (first < 0x80) return {1};
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  if (first >= 0xF1 && first <= 0xF3) return {4};
  return {};
}

/// Of the bytes at `at`: how many belong to one character, and whether it is whole.
struct Utf8Step {
  std::size_t size = 0;
  bool is_whole = false;
  bool may_go_on = false;  ///< well-formed as far as it goes
};

Utf8Step utf8_step(const unsigned char* at, const unsigned char* end) {
  const Utf8Form form = utf8_form(*at);
  if (form.size == 0) return {};
  for (std::size_t i = 1; i < form.size; ++i) {
    if (at + i == end) return {i, false, true};
    const unsigned char low = i == 1 ? form.low : 0x80;
    const unsigned char high = i == 1 ? form.high : 0xBF;
    if (at[i] < low || at[i] > high) return {};
  }
  return {form.size, true, true};
}

/// Past the ASCII that begins at `at`, in steps of 32.
const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) {
  while (end - at >= 32) {
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), at, 32);
    if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080ULL) != 0) break;
    at += 32;
  }
  while (at < end && *at < 0x80)
    ++at;
  return at;
}

/// Which UTF-16 has a NUL at every second byte of `sample`; empty if neither.
std::string_view utf16_by_nuls(std::string_view sample) {
  sample = sample.substr(0, 1024);
  std::array<std::size_t, 2> nuls{};
  for (std::size_t i = 0; i < sample.size(); ++i)
    nuls[i % 2] += sample[i] == '\0' ? 1 : 0;
  const std::size_t many = std::max<std::size_t>(2, sample.size() / 4);
  if (nuls[1] >= many && nuls[0] * 4 < nuls[1]) return "utf-16le";
  if (nuls[0] >= many && nuls[1] * 4 < nuls[0]) return "utf-16be";
  return {};
}

bool is_encoding_name(std::string_view name) {
  const auto is_part = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':';
  };
  return name.size() <= kEncodingNameMax && std::all_of(name.begin(), name.end(), is_part);
}

}  // namespace

std::size_t find_bad_utf8(std::string_view text) {
  const unsigned char* const begin = as_bytes_of(text);
  const unsigned char* const end = begin + text.size();
  const unsigned char* at = begin;
  while ((at = skip_ascii(at, end)) < end) {
    const Utf8Step step = utf8_step(at, end);
    if (!step.is_whole) break;
    at += step.size;
  }
  return static_cast<std::size_t>(at - begin);
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80)
    --bytes;
  return text.substr(0, bytes);
}

struct TextDecoder::Converter {
  explicit Converter(const std::string& from) : handle(iconv_open("UTF-8", from.c_str())) {}

  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  ~Converter() {
    if (is_open()) iconv_close(handle);
  }

  bool is_open() const { return handle != reinterpret_cast<iconv_t>(-1); }

  iconv_t handle;
};

TextDecoder::TextDecoder(std::string encoding) : encoding_(std::move(encoding)) {
  for (char& c : encoding_)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

TextDecoder::~TextDecoder() = default;
TextDecoder::TextDecoder(TextDecoder&&) noexcept = default;

Result<> TextDecoder::use(std::string encoding) {
  encoding_ = std::move(encoding);
  if (encoding_ == "utf8") encoding_ = "utf-8";
  if (encoding_ == "utf-8") return {};
  if (is_encoding_name(encoding_)) converter_ = std::make_unique<Converter>(encoding_);
  if (converter_ && converter_->is_open()) return {};
  return Error{
      Errc::invalid_argument,
      fmt::format("encoding: \"{:.40}\" is not known; `iconv --list` names those that are, "
                  "for example utf-8, utf-16le, windows-1252, iso-8859-15",
                  encoding_)};
}

Result<> TextDecoder::decide(std::string_view& bytes) {
  has_started_ = true;
  if (!encoding_.empty()) return use(encoding_);
  if (bytes.starts_with("\xFF\xFE")) return use("utf-16le");
  if (bytes.starts_with("\xFE\xFF")) return use("utf-16be");
  if (const auto utf16 = utf16_by_nuls(bytes); !utf16.empty()) return use(std::string{utf16});
  may_be_single_bytes_ = !bytes.starts_with(kByteOrderMark);
  return use("utf-8");
}

Result<> TextDecoder::decode(std::string_view bytes, std::string& out) {
  const bool is_first = !has_started_;
  const std::size_t from = out.size();
  if (is_first) {
    auto decided = decide(bytes);
    if (!decided) return decided;
  }
  std::string joined;
  if (!waiting_.empty()) {
    joined = std::move(waiting_).append(bytes);
    waiting_.clear();
    bytes = joined;
  }
  auto decoded = converter_ ? convert(bytes, out) : decode_utf8(bytes, out);
  if (is_first && out.compare(from, kByteOrderMark.size(), kByteOrderMark) == 0) {
    out.erase(from, kByteOrderMark.size());
  }
  return decoded;
}

Result<> TextDecoder::decode_utf8(std::string_view bytes, std::string& out) {
  const std::size_t good = find_bad_utf8(bytes);
  out.append(bytes.substr(0, good));
  if (may_be_single_bytes_) {
    const unsigned char* const text = as_bytes_of(bytes);
    may_be_single_bytes_ = skip_ascii(text, text + good) == text + good;
  }
  if (good == bytes.size()) return {};
  bytes.remove_prefix(good);
  const unsigned char* const at = as_bytes_of(bytes);
  if (utf8_step(at, at + bytes.size()).may_go_on) {
    waiting_ = bytes;
    return {};
  }
  if (!may_be_single_bytes_) return bad_byte(*at);
  return read_as_single_bytes(bytes, out);
}

Result<> TextDecoder::read_as_single_bytes(std::string_view bytes, std::string& out) {
  may_be_single_bytes_ = false;
  auto changed = use("windows-1252");
  return changed ? convert(bytes, out) : changed;
}

Result<> TextDecoder::convert(std::string_view bytes, std::string& out) {
  std::array<char, 4096> room{};
  char* from = const_cast<char*>(bytes.data());  // iconv's signature; it does not write there
  std::size_t left = bytes.size();
  while (left > 0) {
    char* to = room.data();
    std::size_t free = room.size();
    const std::size_t done = ::iconv(converter_->handle, &from, &left, &to, &free);
    const int why = errno;
    out.append(room.data(), room.size() - free);
    if (done != static_cast<std::size_t>(-1) || why == E2BIG) continue;
    if (why != EINVAL) return bad_byte(static_cast<unsigned char>(*from));
    waiting_.assign(from, left);
    return {};
  }
  return {};
}

Result<> TextDecoder::finish(std::string& out) {
  if (waiting_.empty()) {
    flush(out);
    return {};
  }
  if (may_be_single_bytes_) return read_as_single_bytes(std::exchange(waiting_, {}), out);
  return bad_byte(static_cast<unsigned char>(waiting_[0]));
}

/// Some encodings keep a character back that the next one may change.
void TextDecoder::flush(std::string& out) {
  if (!converter_) return;
  std::array<char, 64> room{};
  char* to = room.data();
  std::size_t free = room.size();
  ::iconv(converter_->handle, nullptr, nullptr, &to, &free);
  out.append(room.data(), room.size() - free);
}

Error TextDecoder::bad_byte(unsigned char byte) const {
  return {Errc::invalid_argument,
          fmt::format("is not {} (byte 0x{:02X}); name the file's encoding, or save it as UTF-8",
                      encoding_ == "utf-8" ? "UTF-8" : encoding_,
                      byte)};
}

}  // namespace starling::ml
