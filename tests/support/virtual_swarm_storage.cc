// What a virtual swarm's members write, apply and compact.
#include "node/base/assert.h"
#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

#include <algorithm>
#include <utility>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

void VirtualSwarm::write(SimMember& member, PersistBatch batch) {
  require(!member.in_flight, "{} writes two batches at once", name_of(member.id));
  member.in_flight = std::move(batch);
  watch_write(member);
  end_write_at(member.disk.sync_end(now()), member);
}

/// As RaftEngine::watch_write does it.
void VirtualSwarm::watch_write(SimMember& member) {
  const MonoTime patience = std::max<MonoTime>(2 * timings_.election, 2s);
  const MonoTime when = member.clock.world_at(clock(member) + patience);
  member.unconfirmed = member.in_flight->id;
  at_member(when, member, [this, id = member.in_flight->id](SimMember& who) {
    if (who.unconfirmed != id) return;
    who.write_hangs = true;
    look_at_disk(who);
  });
}

/// As RaftEngine::look_at_disk does it.
void VirtualSwarm::look_at_disk(SimMember& member) {
  member.disk_looked_at = clock(member);
  const bool is_low = member.disk.is_low(now());
  const bool is_bad = member.write_hangs || is_low;
  if (is_bad == member.core->is_disk_stalled()) return;
  const bool leads = member.core->role() == Role::leader;
  marks_.hit(Mark::stalled_leader_left, leads && member.write_hangs);
  marks_.hit(Mark::full_leader_left, leads && is_low);
  trace_.note(now(), "{} finds its disk {}", name_of(member.id), is_bad ? "bad" : "well again");
  give(member, [&](RaftCore& core, Effects& effects) {
    core.disk_stalled(clock(member), is_bad, effects);
  });
}

void VirtualSwarm::read_log(SimMember& member, const LogRead& read) {
  at_member(now() + 20us + draw_wait(process_random_, 5ms), member, [this, read](SimMember& who) {
    const auto entries = who.disk.store().read_log(read.after, read.until, read.bytes_max);
    require(entries.has_value(), "a log cannot be read");
    marks_.hit(Mark::log_read_back, !entries->empty());
    give(who, [&](RaftCore& core, Effects& effects) {
      core.log_read(clock(who), read, *entries, effects);
    });
  });
}

/// The disk goes on while the process is paused.
void VirtualSwarm::end_write_at(MonoTime when, SimMember& member) {
  at(when, [this, &member, boot = member.boot] {
    if (member.boot != boot || !member.core) return;
    if (member.disk.is_stalled(now()))
      end_write_at(now() + 20ms, member);
    else
      end_write(member);
  });
}

void VirtualSwarm::end_write(SimMember& member) {
  const PersistBatch batch = std::move(*member.in_flight);
  member.in_flight.reset();
  const auto written = member.disk.persist(batch, now());
  if (!written) {
    const bool is_full = written.error().code == Errc::unavailable;
    marks_.hit(is_full ? Mark::disk_filled : Mark::sync_failed);
    trace_.note(now(), "{} cannot sync", name_of(member.id));
    at_member(now(), member, [this](SimMember& who) { crash(who); });
    return;
  }
  const bool is_stale =
      !batch.append.empty() &&
      !member.core->log().matches(batch.append.back()->index, batch.append.back()->term);
  marks_.hit(Mark::stale_sync, is_stale);
  at_member(
      now(), member, [this, id = batch.id, installs = batch.install.has_value()](SimMember& who) {
        after_write(who, id, installs);
      });
}

/// As RaftEngine::after_write does it.
void VirtualSwarm::after_write(SimMember& member, std::uint64_t batch_id, bool installs) {
  member.unconfirmed = 0;
  if (std::exchange(member.write_hangs, false)) look_at_disk(member);
  if (!member.core) return;
  const LogIndex before = member.core->applied_index();
  give(member,
       [&](RaftCore& core, Effects& effects) { core.persisted(clock(member), batch_id, effects); });
  if (member.core && installs) after_install(member, before);
}

void VirtualSwarm::after_install(SimMember& member, LogIndex before) {
  const auto& disk = member.disk.store().live();
  marks_.hit(Mark::snapshot_installed);
  member.state_machine->state_replaced();
  member.chain.emplace(disk.state, kSimCheckEvery);
  trace_.note(now(), "{} installed snapshot {}", name_of(member.id), disk.applied.value);
  history_.check_state(disk.applied, disk.state);
  if (disk.applied > before) service_.note_applied(member, disk.applied);
}

/// As RaftEngine::apply does it.
void VirtualSwarm::apply(SimMember& member, const std::vector<EntryRef>& entries) {
  const auto& state = member.disk.store().live().state;
  Changes all;
  std::vector<std::string> results(entries.size());
  std::optional<StateCheck> check;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = *entries[i];
    if (entry.kind == EntryKind::check) compare_state(member, entry);
    ApplyOutcome outcome;
    if (entry.kind == EntryKind::command) {
      const OverlayView view{state, all};
      outcome = member.state_machine->apply(view, entry.index, entry.command);
      history_.check_applied(entry.index, outcome.changes, outcome.result);
    }
    if (const auto link = member.chain->add(entry.index, outcome.changes)) check = link;
    all.add(std::move(outcome.changes));
    results[i] = std::move(outcome.result);
  }
  const LogIndex last = entries.back()->index;
  member.chain->put_into(all);
  STARLING_ASSERT(member.disk.store().apply(all, last), "memory takes everything");
  if (process_random_.chance(mid_step_deaths_)) {
    marks_.hit(Mark::crashed_mid_step);
    crash(member);
    return;
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    service_.settle_entry(member, *entries[i], results[i]);
  give(member,
       [&](RaftCore& core, Effects& effects) { core.applied(clock(member), last, effects); });
  if (member.core && check) {
    give(member, [&](RaftCore& core, Effects& effects) {
      core.state_checked(clock(member), *check, effects);
    });
  }
  if (!member.core) return;
  check_memory(member);
  service_.note_applied(member, last);
  compact(member);
}

/// What is applied and durable leaves the memory but for what it may keep.
void VirtualSwarm::check_memory(const SimMember& member) const {
  const RaftCore& core = *member.core;
  const LogIndex last = core.log().last_index();
  const bool is_done = core.applied_index() == last && core.stable() == last;
  require(!is_done || core.log().bytes_in_memory() <= timings_.log_bytes_in_memory,
          "{} keeps {} bytes of its log in memory, the limit is {}",
          name_of(member.id),
          core.log().bytes_in_memory(),
          timings_.log_bytes_in_memory);
}

void VirtualSwarm::compare_state(SimMember& member, const Entry& entry) {
  const auto most = decode_state_check(entry.command);
  require(most.has_value(), "an entry of kind check is not one");
  const auto differs = member.chain->compare(*most);
  require(!differs, "{}: {}", name_of(member.id), differs.value_or(""));
  marks_.hit(Mark::states_compared);
}

/// As RaftEngine::compact does it, with a shorter log.
void VirtualSwarm::compact(SimMember& member) {
  RaftCore& core = *member.core;
  const std::uint64_t held = core.applied_index().value - core.log().base_index().value;
  const std::uint64_t spread = member.machine % (compact_after_ / 8 + 1);
  if (core.is_installing() || held < compact_after_ + spread) return;
  const LogIndex cut = core.compaction_point(clock(member), compact_after_);
  if (cut <= core.log().base_index()) return;
  STARLING_ASSERT(member.disk.store().compact(core.log().meta_at(cut)), "memory takes everything");
  core.compact(cut);
  trace_.note(now(), "{} compacts its log to {}", name_of(member.id), cut.value);
}

}  // namespace starling::tests
