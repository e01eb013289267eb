#include "bootstrap/renewal.h"

#include "node/base/clock.h"
#include "node/process/restart.h"

#include <fmt/format.h>

#include <filesystem>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr int kLostStatesMax = 3;
constexpr MonoTime kWarnPause = 60s;
constexpr MonoTime kElectionsGetTime = 15s;  // before this node gives way to a recovered part
constexpr const char* kRecoveredWithout =
    "the swarm was recovered without this node's copy of the log";

}  // namespace

void Renewal::come_back_as_new(const std::string& why) {
  start_again(identity_.quarantine(why), why);
}

void Renewal::dissolve(const std::string& why) {
  const auto left = identity_.leave_swarm(why);
  std::error_code ignored;  // A token that is left is one that nobody asked for, no more.
  if (left) std::filesystem::remove(identity_.data() / "admin-token", ignored);
  start_again(left, why);
}

void Renewal::start_again(Result<> prepared, const std::string& why) {
  if (!prepared) {
    log_.error("cannot be laid aside, so this node stays down why={}", prepared.error().detail);
    return;
  }
  int lost = 0;
  while (std::filesystem::exists(identity_.data() / fmt::format("state.lost-{}", lost + 1)))
    ++lost;
  if (lost >= kLostStatesMax) {
    log_.error("this is the {}th time: check the disk, remove {}/state.lost-*, start again",
               lost + 1,
               identity_.data().string());
    return;
  }
  log_.warn("starts again as a new node why={}", why);
  log_.error("cannot start again why={}", node::restart_process());
}

Result<> Renewal::agree_on_epoch(std::uint64_t of_state) {
  const std::uint64_t own = identity_.recovery_epoch();
  if (of_state == own) return {};
  if (of_state < own) {
    come_back_as_new(kRecoveredWithout);
    return Error{Errc::conflict, kRecoveredWithout};
  }
  if (auto saved = identity_.set_recovery_epoch(of_state); !saved) return saved;
  return Error{Errc::unavailable,
               fmt::format("the state was recovered by force, and this node notes that now; cannot "
                           "start again by itself, start it once more: {}",
                           node::restart_process())};
}

Result<> Renewal::hear_of_recovery(std::uint64_t epoch, std::optional<MonoTime> no_leader_since) {
  const MonoTime now = mono_now();
  const bool has_leader = !no_leader_since;
  if (!has_leader && now - *no_leader_since < kElectionsGetTime) return {};
  if (has_leader && now < warned_until_) return {};
  if (has_leader) {
    warned_until_ = now + kWarnPause;
    log_.error(
        "another part of this swarm was recovered by force (epoch {}), while this part has a "
        "leader: stop the nodes of one of them",
        epoch);
    return {};
  }
  if (auto saved = identity_.set_recovery_epoch(epoch); !saved) {
    log_.error("the recovery cannot be followed why={}", saved.error().detail);
    return {};
  }
  come_back_as_new(kRecoveredWithout);
  // It could not, and has said why: nobody speaks with this node any more.
  return Error{Errc::conflict, kRecoveredWithout};
}

}  // namespace starling::bootstrap
