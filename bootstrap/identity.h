/// Who this node is, kept in its data directory, which one process at a time may use.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/secure/node_key.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace starling::bootstrap {

/// `identity` of the data directory: JSON {version, public_key, secret_key, disk_incarnation, node,
/// swarm?, recovery_epoch?}, 0600. The node id is BLAKE2b-128 of the Ed25519 public key and the
/// disk incarnation: who lost its disk, or what it had confirmed, is a new node with the old key
/// (decision 0007).
class Identity {
 public:
  /// Creates directory and key if there are none, and locks the directory for this process.
  /// Errors: `conflict` if another process has it; `corrupt`; `io`.
  static Result<std::unique_ptr<Identity>> open(const std::filesystem::path& data);
  ~Identity();
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  NodeId node() const { return secret_.node(); }

  /// What proves it.
  const node::NodeSecret& secret() const { return secret_; }

  /// What the state directory holds is not to be trusted: from the next start on this directory is
  /// a new node of the same swarm. Durable when it returns.
  Result<> quarantine(std::string_view why);

  /// The same, and the new node is of no swarm.
  Result<> leave_swarm(std::string_view why);

  /// Why this start made a new node of an old one, and where the old state lies now.
  const std::optional<std::string>& renewed_because() const { return renewed_because_; }

  std::optional<SwarmId> swarm() const { return swarm_; }

  /// How often the swarm was recovered by force, as this node knows.
  std::uint64_t recovery_epoch() const { return recovery_epoch_; }

  Result<> set_recovery_epoch(std::uint64_t epoch);

  /// Remembers the swarm for all time (fsynced).
  Result<> join(SwarmId swarm, std::uint64_t recovery_epoch);

  /// As `join`, for a swarm that does not exist yet; `founded` says that its first state does. A
  /// founder that crashed in between goes on; one whose state was lost later does not found again.
  /// `by_proof`: as the owner of the first --join address, and nobody said --found.
  Result<> found(SwarmId swarm, bool by_proof = false);
  Result<> founded();

  /// Nobody said that a new swarm is wanted; without anything in it, it may give way to another.
  bool has_founded_by_proof() const { return has_founded_by_proof_; }

  bool is_founding() const { return is_founding_; }

  /// A gossip incarnation above every one this node has used: seconds since 1970 in the upper half,
  /// kept and raised in the file `incarnation`.
  Result<std::uint64_t> next_incarnation();

  const std::filesystem::path& data() const { return data_; }

 private:
  Identity(std::filesystem::path data, int lock) : data_(std::move(data)), lock_(lock) {}

  Result<> load_or_create();
  Result<> create();
  Result<> load(std::string_view text);
  Result<> leave_quarantine();
  Result<> renew(const std::string& why);
  Result<> save() const;

  std::filesystem::path data_;
  int lock_;
  node::NodeSecret secret_;
  std::optional<std::string> renewed_because_;
  std::optional<SwarmId> swarm_;
  std::uint64_t recovery_epoch_ = 0;
  bool is_founding_ = false;
  bool has_founded_by_proof_ = false;
};

}  // namespace starling::bootstrap
