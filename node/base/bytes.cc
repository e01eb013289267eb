#include "node/base/bytes.h"

#include "node/base/assert.h"

namespace starling {

std::string big_endian_key(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i) {
    key[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xff);
    number >>= 8;
  }
  return key;
}

std::uint64_t from_big_endian_key(std::string_view bytes) {
  STARLING_ASSERT(bytes.size() == 8, "a number key has 8 bytes");
  std::uint64_t number = 0;
  for (const char c : bytes)
    number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace starling
