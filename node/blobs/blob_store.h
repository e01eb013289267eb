/// Content-addressed files: `blobs/ab/abcdef...`, named by the BLAKE2b-256 of their content.
///
/// Threads: safe from any thread; blocking disk calls. Pieces never pass through memory whole.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace starling::node {

/// A blob that is being written to a temporary file beside the store.
class BlobWriter {
 public:
  explicit BlobWriter(std::filesystem::path directory, std::filesystem::path temporary, int file);
  ~BlobWriter();  ///< Unfinished: the temporary file is removed.
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  /// Errors: `io` (disk full and the like, in the system's words).
  Result<> append(BytesView piece);

  std::uint64_t size() const { return size_; }

  /// fsync, rename to its name, fsync the folder. Call it once.
  Result<ContentHash> finish();

  /// The same, but keeps nothing and answers `corrupt` if the content is not `expected`.
  Result<> finish_as(const ContentHash& expected);

 private:
  Result<> sync();
  Result<> name(const ContentHash& hash);

  std::filesystem::path directory_;
  std::filesystem::path temporary_;
  int file_;
  std::uint64_t size_ = 0;
  ContentHasher hasher_;
};

class BlobStore {
 public:
  /// Creates `directory` if needed and removes what crashed writers left.
  static Result<std::unique_ptr<BlobStore>> open(const std::filesystem::path& directory);

  Result<std::unique_ptr<BlobWriter>> create();

  bool has(const ContentHash& hash) const;
  std::filesystem::path path(const ContentHash& hash) const;

  /// Errors: `not_found`, `io`. Shorter than asked at the end of the blob; empty beyond it.
  Result<Bytes> read(const ContentHash& hash, std::uint64_t offset, std::size_t size) const;
  Result<std::uint64_t> size(const ContentHash& hash) const;

  Result<> remove(const ContentHash& hash);

  std::vector<ContentHash> list() const;

 private:
  explicit BlobStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path directory_;
};

}  // namespace starling::node
