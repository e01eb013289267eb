/// How blobs lie in a folder: `ab/abcdef...` by their hash, with the list of their chunks beside
/// them in `abcdef....chunks`; what is being written in `incoming/`.
///
/// Threads: safe from any thread; blocking disk calls.
#pragma once

#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/blobs/chunk_list.h"

#include <filesystem>
#include <span>
#include <string_view>
#include <unistd.h>

namespace starling::node {

inline constexpr std::string_view kIncomingFolder = "incoming";

/// Closes its file at the end of the scope.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file) {}

  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }

  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return file_; }

 private:
  int file_;
};

std::filesystem::path blob_path(const std::filesystem::path& directory, const ContentHash& hash);
std::filesystem::path chunks_path(const std::filesystem::path& directory, const ContentHash& hash);

/// All of `bytes`, from `offset` on. Errors: `corrupt` if the file is shorter, or the disk cannot
/// read that place of it; `io`.
Result<> read_fully(int file, std::uint64_t offset, std::span<std::byte> bytes);
Result<> write_fully(int file, std::uint64_t offset, BytesView bytes);

/// Both, of a file from its beginning.
struct FileDigest {
  ContentHash hash;
  ChunkList list;
};

Result<FileDigest> digest_of(const std::filesystem::path& file);

/// The synced file `temporary` becomes the blob `hash`, durably. Errors: `io`.
Result<> name_blob(const std::filesystem::path& directory,
                   const std::filesystem::path& temporary,
                   const ContentHash& hash,
                   const ChunkList& list);

}  // namespace starling::node
