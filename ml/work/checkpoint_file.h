/// The file of a checkpoint, as far as everybody needs to know it: a line of JSON with the progress
/// until then, the learners' states, and the hash of all before (ml/train/checkpoint.h).
///
/// Threads: one at a time for a path. Blocking.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>

namespace starling::ml {

/// Larger ones are not written: such a trial begins again.
inline constexpr std::uint64_t kCheckpointBytesMax = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kCheckpointFileBytesMax = kCheckpointBytesMax + (16 << 20);

/// The one that `path` was before.
std::filesystem::path checkpoint_before(const std::filesystem::path& path);

/// The bytes before the hash that the file ends with, if it does; `in` is at its beginning then.
std::optional<std::uint64_t> whole_checkpoint_bytes(std::istream& in);

/// Makes the file whole. Errors: `io`.
Result<> append_checkpoint_hash(const std::filesystem::path& path);

/// `unfinished`, which is whole, takes the place of the checkpoint at `path`, which is kept as the
/// one before. Errors: `io`.
Result<> place_checkpoint(const std::filesystem::path& unfinished,
                          const std::filesystem::path& path);

/// Epochs that it says it has behind it. Fast.
std::optional<std::uint32_t> claimed_checkpoint_epoch(const std::filesystem::path& path);

/// The same, if the file is whole.
std::optional<std::uint32_t> checkpoint_epoch(const std::filesystem::path& path);

}  // namespace starling::ml
