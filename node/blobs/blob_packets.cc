#include "node/blobs/blob_packets.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace starling::node {
namespace {

constexpr std::size_t kHeadBytes = 33;
constexpr std::size_t kReadBytes = kHeadBytes + 12;
constexpr std::size_t kAddressCharsMax = 255;

bool has_range(BlobAsk ask) {
  return ask == BlobAsk::read || ask == BlobAsk::chunks;
}

Error corrupt(std::string_view what) {
  return {Errc::corrupt, fmt::format("blob request: {}", what)};
}

}  // namespace

Bytes encode_blob_request(const BlobRequest& request) {
  const bool is_read = has_range(request.ask);
  Bytes out((is_read ? kReadBytes : kHeadBytes) + request.address.size());
  auto* raw = reinterpret_cast<unsigned char*>(out.data());
  raw[0] = static_cast<unsigned char>(request.ask);
  std::copy(request.hash.bytes.begin(), request.hash.bytes.end(), raw + 1);
  if (is_read) {
    boost::endian::store_little_u64(raw + kHeadBytes, request.offset);
    boost::endian::store_little_u32(raw + kHeadBytes + 8, request.size);
  }
  std::copy(
      request.address.begin(), request.address.end(), raw + (is_read ? kReadBytes : kHeadBytes));
  return out;
}

Result<BlobRequest> decode_blob_request(BytesView bytes) {
  if (bytes.size() < kHeadBytes) return corrupt(fmt::format("{} bytes", bytes.size()));
  const auto* raw = reinterpret_cast<const unsigned char*>(bytes.data());
  if (raw[0] < 1 || raw[0] > static_cast<unsigned char>(BlobAsk::chunks))
    return corrupt(fmt::format("unknown kind {}", raw[0]));
  BlobRequest request;
  request.ask = static_cast<BlobAsk>(raw[0]);
  std::copy_n(raw + 1, request.hash.bytes.size(), request.hash.bytes.begin());
  if (has_range(request.ask)) {
    if (bytes.size() != kReadBytes) return corrupt("a read without offset and size");
    request.offset = boost::endian::load_little_u64(raw + kHeadBytes);
    request.size = boost::endian::load_little_u32(raw + kHeadBytes + 8);
    return request;
  }
  request.address = as_text(bytes.subspan(kHeadBytes));
  if (request.address.size() > kAddressCharsMax) return corrupt("an address above 255 characters");
  if (request.ask == BlobAsk::fetch && request.address.empty()) return corrupt("no address");
  return request;
}

}  // namespace starling::node
