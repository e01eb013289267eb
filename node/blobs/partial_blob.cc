#include "node/blobs/partial_blob.h"

#include "node/base/durable_file.h"
#include "node/blobs/blob_files.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

namespace starling::node {

namespace fs = std::filesystem;

fs::path partial_path(const fs::path& directory, const ContentHash& hash) {
  return directory / kIncomingFolder / (hash.hex() + ".part");
}

Result<std::shared_ptr<PartialBlob>> PartialBlob::open(const fs::path& directory,
                                                       const ContentHash& hash,
                                                       ChunkList list) {
  const fs::path path = partial_path(directory, hash);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_error("open", path);
  std::shared_ptr<PartialBlob> partial{
      new PartialBlob{directory, hash, std::move(list), path, file}};
  if (auto looked = partial->look(); !looked) return looked.error();
  return partial;
}

PartialBlob::PartialBlob(
    fs::path directory, const ContentHash& hash, ChunkList list, fs::path path, int file)
    : directory_(std::move(directory)),
      hash_(hash),
      list_(std::move(list)),
      path_(std::move(path)),
      file_(file) {}

PartialBlob::~PartialBlob() {
  ::close(file_);
}

Result<> PartialBlob::look() {
  struct stat facts {};

  if (::fstat(file_, &facts) != 0) return system_error("stat", path_);
  const auto had = static_cast<std::uint64_t>(facts.st_size);
  if (::ftruncate(file_, static_cast<off_t>(list_.size)) != 0)
    return system_error("truncate", path_);
  for (std::size_t chunk = 0; chunk < list_.chunks.size(); ++chunk) {
    Bytes bytes(list_.size_of(chunk));
    const bool may_be_there = chunk * kChunkBytes + bytes.size() <= had;
    const bool is_there = may_be_there && read_fully(file_, chunk * kChunkBytes, bytes) &&
                          hash_of(bytes) == list_.chunks[chunk];
    if (!is_there) missing_.push_back(chunk);
  }
  return {};
}

Result<> PartialBlob::put(std::size_t chunk, BytesView bytes) {
  const bool is_it = chunk < list_.chunks.size() && bytes.size() == list_.size_of(chunk) &&
                     hash_of(bytes) == list_.chunks[chunk];
  if (!is_it) return Error{Errc::corrupt, fmt::format("chunk {} has another hash", chunk)};
  const auto written = write_fully(file_, chunk * kChunkBytes, bytes);
  if (!written)
    return Error{Errc::io, fmt::format("{}: {}", path_.string(), written.error().detail)};
  return {};
}

Result<> PartialBlob::finish() {
  if (::fsync(file_) != 0) return system_error("fsync", path_);
  const auto digest = digest_of(path_);
  if (!digest) return digest.error();
  if (digest->hash == hash_) return name_blob(directory_, path_, hash_, list_);
  std::error_code ignored;
  fs::remove(path_, ignored);
  return Error{Errc::corrupt,
               fmt::format("{} bytes with the hash {} where {} was expected",
                           digest->list.size,
                           digest->hash.hex(),
                           hash_.hex())};
}

}  // namespace starling::node
