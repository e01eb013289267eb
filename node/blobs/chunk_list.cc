#include "node/blobs/chunk_list.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <utility>

namespace starling::node {
namespace {

constexpr std::size_t kHashBytes = sizeof(ContentHash::bytes);
constexpr std::size_t kHeadBytes = 8;

std::uint64_t chunks_of(std::uint64_t size) {
  return size / kChunkBytes + (size % kChunkBytes == 0 ? 0 : 1);
}

ContentHash hash_at(BytesView bytes, std::size_t offset) {
  ContentHash hash;
  std::copy_n(raw(bytes) + offset, kHashBytes, hash.bytes.begin());
  return hash;
}

}  // namespace

std::uint64_t ChunkList::size_of(std::size_t chunk) const {
  const std::uint64_t begin = chunk * kChunkBytes;
  return begin >= size ? 0 : std::min(kChunkBytes, size - begin);
}

void ChunkHasher::update(BytesView bytes) {
  while (!bytes.empty()) {
    const std::uint64_t in_chunk = list_.size % kChunkBytes;
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes - in_chunk, bytes.size()));
    chunk_.update(bytes.first(taken));
    bytes = bytes.subspan(taken);
    list_.size += taken;
    if (list_.size % kChunkBytes != 0) continue;
    list_.chunks.push_back(chunk_.finish());
    chunk_ = ContentHasher{};
  }
}

ChunkList ChunkHasher::finish() {
  if (list_.size % kChunkBytes != 0) list_.chunks.push_back(chunk_.finish());
  return std::move(list_);
}

Bytes encode_chunk_list(const ChunkList& list) {
  Bytes out(kHeadBytes + (list.chunks.size() + 1) * kHashBytes);
  auto* at = reinterpret_cast<unsigned char*>(out.data());
  boost::endian::store_little_u64(at, list.size);
  at += kHeadBytes;
  for (const ContentHash& hash : list.chunks)
    at = std::copy(hash.bytes.begin(), hash.bytes.end(), at);
  const ContentHash own = hash_of(BytesView{out}.first(out.size() - kHashBytes));
  std::copy(own.bytes.begin(), own.bytes.end(), at);
  return out;
}

Result<ChunkList> decode_chunk_list(BytesView bytes) {
  const Error damaged{Errc::corrupt, "a list of chunks is damaged"};
  if (bytes.size() < kHeadBytes + kHashBytes) return damaged;
  const std::size_t body = bytes.size() - kHashBytes;
  if (hash_of(bytes.first(body)) != hash_at(bytes, body)) return damaged;
  ChunkList list;
  list.size = boost::endian::load_little_u64(reinterpret_cast<const unsigned char*>(bytes.data()));
  const std::uint64_t count = (body - kHeadBytes) / kHashBytes;
  if ((body - kHeadBytes) % kHashBytes != 0 || chunks_of(list.size) != count) return damaged;
  for (std::uint64_t i = 0; i < count; ++i)
    list.chunks.push_back(hash_at(bytes, kHeadBytes + i * kHashBytes));
  return list;
}

}  // namespace starling::node
