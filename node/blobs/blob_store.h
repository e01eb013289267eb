/// Content-addressed files, named by the BLAKE2b-256 of their content (node/blobs/blob_files.h),
/// each with the hashes of its chunks: what the disk gives back is checked before it is used.
///
/// Threads: safe from any thread; blocking disk calls. Blobs never pass through memory whole.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/blobs/chunk_list.h"
#include "node/blobs/partial_blob.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
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

  std::filesystem::path directory_;
  std::filesystem::path temporary_;
  int file_;
  std::uint64_t size_ = 0;
  ContentHasher hasher_;
  ChunkHasher chunks_;
};

class BlobStore {
 public:
  /// Creates `directory` if needed and removes what crashed writers left, but for parts of blobs
  /// that were being fetched.
  static Result<std::unique_ptr<BlobStore>> open(const std::filesystem::path& directory);

  Result<std::unique_ptr<BlobWriter>> create();

  /// Goes on where an earlier fetch, or a damaged copy, left it.
  Result<std::shared_ptr<PartialBlob>> create_part(const ContentHash& hash, ChunkList list);

  bool has(const ContentHash& hash) const;
  std::filesystem::path path(const ContentHash& hash) const;

  /// Errors: `not_found`, `io`. Shorter than asked at the end of the blob; empty beyond it.
  Result<Bytes> read(const ContentHash& hash, std::uint64_t offset, std::size_t size) const;
  Result<std::uint64_t> size(const ContentHash& hash) const;

  /// Of a blob that an earlier version stored without it, it is made now, and all of it checked.
  /// Errors: `not_found`, `corrupt`, `io`.
  Result<ChunkList> chunks(const ContentHash& hash);

  /// Reads one chunk. Errors: `corrupt`: it is not what it was; `not_found`, `io`.
  Result<> check_chunk(const ContentHash& hash, const ChunkList& list, std::size_t chunk) const;

  /// Reads all of it, once for each blob while this process runs. Errors: as `check_chunk`;
  /// `unavailable` after `stop`.
  Result<> check(const ContentHash& hash);

  /// What reads for long ends soon. From any thread.
  void stop() { is_stopped_ = true; }

  /// It is there, and was found whole since this process began. Fast.
  bool is_checked(const ContentHash& hash);

  /// Is not there any more, but its chunks that are whole are used when it is fetched again.
  Result<> set_aside(const ContentHash& hash);

  /// Also what there is of one that was set aside or fetched in part.
  Result<> remove(const ContentHash& hash);

  /// Of one that was set aside or fetched in part.
  Result<> remove_part(const ContentHash& hash);

  /// Something still refers to it.
  void note_needed(const ContentHash& hash) const;

  /// Since it was stored, or noted as needed.
  std::chrono::seconds unneeded_for(const ContentHash& hash) const;

  std::vector<ContentHash> list() const;

  /// Of which there is a part (`incoming/`).
  std::vector<ContentHash> parts() const;

 private:
  explicit BlobStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path file_of(const ContentHash& hash) const;

  std::filesystem::path directory_;
  std::atomic<bool> is_stopped_ = false;
  std::mutex mutex_;               ///< of `checked_`
  std::set<ContentHash> checked_;  ///< whole when they were read last
};

}  // namespace starling::node
