/// The whole replicated state as one stream of bytes, for the day when every node is lost.
///
/// Layout (numbers big endian): "STARLBK1" | head length u32 | head, JSON {swarm, index, time_ms,
/// version} | pieces: length u32, pairs (node/base/state_pairs.h) | length 0 | BLAKE2b-256 of all
/// before. Datasets and models are named by it, not in it: they lie in `blobs/`. Members, keys of
/// the swarm and invitations are left out: a swarm founded from it has its own.
///
/// Pure but for the view that it reads.
#pragma once

#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <string_view>

namespace starling::ml {

inline constexpr std::size_t kBackupPieceBytesMax = 16 << 20;

struct BackupHead {
  SwarmId swarm;
  LogIndex index;             ///< the state is that of this entry, or a little later
  std::uint64_t time_ms = 0;  ///< when it was made, by cluster time

  friend bool operator==(const BackupHead&, const BackupHead&) = default;
};

class BackupWriter {
 public:
  BackupWriter(std::shared_ptr<const StateView> state, const BackupHead& head);

  /// Some more bytes; empty at the end.
  std::string next();

 private:
  std::string counted(std::string bytes);

  std::shared_ptr<const StateView> state_;
  BackupHead head_;
  std::string from_;
  ContentHasher hasher_;
  enum class Part { head, pieces, end } part_ = Part::head;
};

/// Where a reader gets its bytes: exactly `count` more, or an error.
using BackupSource = std::function<Result<std::string>(std::size_t count)>;

/// Of a file that is open; it must outlive what is returned. Errors: `corrupt` (it ends too early).
BackupSource source_of(std::istream& file);

/// Reads all of it and checks it: its form, and at the end its hash. What `take` was given before
/// is worth nothing if that fails. `take` gets rows of whole pairs.
/// Errors: `corrupt`, or those of `source` and `take`.
Result<BackupHead> read_backup(const BackupSource& source,
                               const std::function<Result<>(std::string pairs)>& take);

}  // namespace starling::ml
