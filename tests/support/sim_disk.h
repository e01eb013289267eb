/// One machine's disk: how long its syncs take, when they fail, and who may use it.
#pragma once

#include "consensus/storage/memory_log_store.h"
#include "node/base/error.h"
#include "node/base/random.h"
#include "tests/support/swarm_faults.h"

#include <memory>

namespace starling::tests {

class SimDisk {
 public:
  SimDisk(std::uint64_t seed, std::size_t machine, const FaultPlan& plan);

  consensus::MemoryLogStore& store() { return *store_; }

  const consensus::MemoryLogStore& store() const { return *store_; }

  /// A process takes the disk.
  /// Errors: `conflict` (another process uses it), `no_space`.
  Result<> open(MonoTime now);

  /// The process ends, and with it perhaps the power. `in_flight` is a sync that had begun.
  /// Returns: how many writes were lost.
  std::size_t crash(const consensus::PersistBatch* in_flight);

  /// When a sync that begins now ends, unless the disk stalls.
  MonoTime sync_end(MonoTime now);

  /// How long the state machine and its unsynced write take.
  MonoTime apply_delay();

  /// Errors: `io`, `unavailable` (no space): the process must die.
  Result<> persist(const consensus::PersistBatch& batch, MonoTime now);

  void stall(MonoTime until) { stalled_until_ = until; }

  /// Little space is left now, and none from `full_from` until `until`.
  void fill(MonoTime full_from, MonoTime until) {
    full_from_ = full_from;
    full_until_ = until;
  }

  /// A node that looks finds little space left.
  bool is_low(MonoTime now) const { return full_until_ > now; }

  void fail_next_sync();

  void set_faulty(bool is_faulty) { is_faulty_ = is_faulty; }

  /// No fault from now on.
  void mend();

  /// A new, empty disk. Returns: what the old one held.
  std::unique_ptr<consensus::MemoryLogStore> wipe();

  /// From now on what it says that it synced may be gone after a crash, or is honest again.
  void lie(bool is_lying);

  /// A crash: it comes back as it was when the image was saved, if one was.
  void save_image();
  void roll_back();

  /// It may have lost what it had confirmed.
  bool has_lied() const { return has_lied_; }

  /// It really lost something that it may have confirmed.
  bool has_forgotten() const { return has_forgotten_; }

  bool is_stalled(MonoTime now) const { return stalled_until_ > now; }

 private:
  Random random_;
  std::unique_ptr<consensus::MemoryLogStore> store_;

  bool is_full(MonoTime now) const { return full_from_ <= now && full_until_ > now; }

  bool is_in_use_ = false;
  bool is_faulty_ = false;
  MonoTime stalled_until_{0};
  MonoTime full_from_{0};
  MonoTime full_until_{0};
  MonoTime sync_mean_{0};
  double slow_chance_ = 0;
  bool has_power_loss_ = false;
  bool has_lied_ = false;
  bool has_forgotten_ = false;
};

}  // namespace starling::tests
