/// A blob that is being fetched, chunk by chunk, in any order: `incoming/HASH.part`. What was
/// fetched before a crash, or is whole in a damaged copy, is not fetched again.
///
/// Threads: safe from any thread for different chunks; blocking disk calls.
#pragma once

#include "node/blobs/chunk_list.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace starling::node {

class PartialBlob {
 public:
  /// Looks which chunks are there already. Errors: `io`.
  static Result<std::shared_ptr<PartialBlob>> open(const std::filesystem::path& directory,
                                                   const ContentHash& hash,
                                                   ChunkList list);
  ~PartialBlob();
  PartialBlob(const PartialBlob&) = delete;
  PartialBlob& operator=(const PartialBlob&) = delete;

  /// When it was opened.
  const std::vector<std::size_t>& missing() const { return missing_; }

  /// It was there in part when it was opened: a damaged copy, or an earlier fetch.
  bool had_some() const { return missing_.size() < list_.chunks.size(); }

  /// Errors: `corrupt` if it is not that chunk, nothing is written then; `io`.
  Result<> put(std::size_t chunk, BytesView bytes);

  /// All chunks are there: it becomes a blob, durably. Call it once. Errors: `io`; `corrupt` if the
  /// list was of other content: all of it is thrown away then.
  Result<> finish();

 private:
  PartialBlob(std::filesystem::path directory,
              const ContentHash& hash,
              ChunkList list,
              std::filesystem::path path,
              int file);
  Result<> look();

  std::filesystem::path directory_;
  ContentHash hash_;
  ChunkList list_;
  std::filesystem::path path_;
  int file_;
  std::vector<std::size_t> missing_;
};

/// Where `PartialBlob` keeps it.
std::filesystem::path partial_path(const std::filesystem::path& directory, const ContentHash& hash);

}  // namespace starling::node
