#include "node/base/crc32c.h"

#include <boost/endian/conversion.hpp>

#include <array>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace starling {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reflected 0x1EDC6F41

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kPolynomial : crc >> 1;
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

const unsigned char* first_of(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, BytesView bytes) {
  const auto* in = first_of(bytes);
  std::size_t left = bytes.size();
  std::uint64_t wide = ~crc;
  for (; left >= 8; in += 8, left -= 8)
    wide = _mm_crc32_u64(wide, boost::endian::load_little_u64(in));
  crc = static_cast<std::uint32_t>(wide);
  for (; left > 0; ++in, --left)
    crc = _mm_crc32_u8(crc, *in);
  return ~crc;
}
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::uint32_t crc, BytesView bytes) {
  const auto* in = first_of(bytes);
  std::size_t left = bytes.size();
  crc = ~crc;
  for (; left >= 8; in += 8, left -= 8) {
    const std::uint32_t low = boost::endian::load_little_u32(in) ^ crc;
    const std::uint32_t high = boost::endian::load_little_u32(in + 4);
    crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][(high >> 8) & 0xff] ^
          kTables[1][(high >> 16) & 0xff] ^ kTables[0][high >> 24];
  }
  for (; left > 0; ++in, --left)
    crc = (crc >> 8) ^ kTables[0][(crc ^ *in) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::uint32_t crc, BytesView bytes) {
#ifdef __x86_64__
  static const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasInstruction) return by_instruction(crc, bytes);
#endif
  return crc32c_by_tables(crc, bytes);
}

}  // namespace starling
