#include "node/blobs/blob_files.h"

#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace starling::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 1 << 16;

Result<> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno != EEXIST) return system_error("create", folder);
  return {};
}

}  // namespace

fs::path blob_path(const fs::path& directory, const ContentHash& hash) {
  const std::string hex = hash.hex();
  return directory / hex.substr(0, 2) / hex;
}

fs::path chunks_path(const fs::path& directory, const ContentHash& hash) {
  return blob_path(directory, hash).string() + ".chunks";
}

Result<> read_fully(int file, std::uint64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Error{errno == EIO ? Errc::corrupt : Errc::io, std::generic_category().message(errno)};
    }
    if (got == 0) return Error{Errc::corrupt, "the file became shorter"};
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<> write_fully(int file, std::uint64_t offset, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error{Errc::io, std::generic_category().message(errno)};
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<FileDigest> digest_of(const fs::path& path) {
  const OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) return system_error("open", path);
  ContentHasher whole;
  ChunkHasher chunks;
  Bytes piece(kPieceBytes);
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path);
    if (got == 0) break;
    const auto bytes = BytesView{piece}.first(static_cast<std::size_t>(got));
    whole.update(bytes);
    chunks.update(bytes);
  }
  return FileDigest{whole.finish(), chunks.finish()};
}

Result<> name_blob(const fs::path& directory,
                   const fs::path& temporary,
                   const ContentHash& hash,
                   const ChunkList& list) {
  const fs::path path = blob_path(directory, hash);
  if (auto made = make_folder(path.parent_path()); !made) return made;
  const Bytes encoded = encode_chunk_list(list);
  // Where that fails, the list is made again when it is asked for.
  static_cast<void>(write_file_atomically(chunks_path(directory, hash), as_text(encoded), 0600));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename to", path);
  return sync_folder(path.parent_path());
}

}  // namespace starling::node
