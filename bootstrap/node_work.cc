#include "bootstrap/node_work.h"

#include "ml/schedule/node_rooms.h"
#include "ml/study/study_wire.h"
#include "ml/study/swarm_members.h"
#include "node/process/host_resources.h"
#include "node/process/memory_state.h"

#include <algorithm>

namespace starling::bootstrap {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

std::optional<node::ProcessGroups> groups_for_trials(const std::string& name) {
  const Logger log{"work", name};
  auto groups = node::ProcessGroups::open();
  if (groups) {
    log.info("each trial has a memory cgroup of its own");
    return std::move(*groups);
  }
  log.info("trials are limited by RLIMIT_DATA alone, no cgroups why={}", groups.error().detail);
  return std::nullopt;
}

}  // namespace

NodeWork::NodeWork(Parts parts)
    : parts_(std::move(parts)),
      groups_(groups_for_trials(parts_.settings.name)),
      workers_(parts_.core, parts_.settings.worker),
      planner_(
          parts_.core, parts_.ledger, planner_sources(), Logger{"planner", parts_.settings.name}),
      host_(parts_.core,
            workers_,
            parts_.ledger,
            parts_.blobs,
            host_sources(),
            Logger{"work", parts_.settings.name}),
      checkpoints_(parts_.links,
                   host_.checkpoints(),
                   checkpoint_sources(),
                   Logger{"work", parts_.settings.name}),
      queue_(parts_.core,
             parts_.ledger,
             queue_sources(),
             parts_.seed,
             Logger{"queue", parts_.settings.name}),
      memory_(parts_.core, memory_sources(), Logger{"memory", parts_.settings.name}),
      predictor_(parts_.core, workers_, parts_.settings.data / "serving") {
  parts_.links.on_request(node::Channel::work, [this](NodeId, Bytes body) {
    return checkpoints_.answer(std::move(body));
  });
  parts_.links.on_message(node::Channel::work, [this](NodeId, Bytes body) {
    const auto command = ml::decode_command(as_text(body));
    const auto* progress = command ? std::get_if<ml::ReportProgress>(&command->body) : nullptr;
    if (progress == nullptr) return;
    for (const auto& point : progress->points)
      planner_.report(point);
  });
}

ml::CheckpointSources NodeWork::checkpoint_sources() {
  return {.self = parts_.self,
          .own_address = parts_.settings.advertise,
          .members = [this] { return parts_.gossip.members(); },
          .is_leaving = [this](NodeId node) { return ml::is_draining(*parts_.group.view(), node); },
          .runs_here = [this](const ml::WorkName& work) { return host_.runs(work); },
          .has_room = [this] { return static_cast<bool>(parts_.disk.room_to_grow()); },
          .on_yield =
              [this](std::uint64_t token, NodeId thief) {
                return host_.let_go(token, thief, "another node finishes it sooner");
              }};
}

Result<> NodeWork::start() {
  if (auto ok = workers_.native().start(); !ok) return ok;
  planner_.start();
  host_.start();
  memory_.start();
  queue_.start();
  return {};
}

void NodeWork::stop() {
  planner_.stop();
  queue_.stop();
  memory_.stop();
  host_.stop();
  checkpoints_.stop();
}

void NodeWork::stop_workers() {
  workers_.stop();
}

void NodeWork::wake() {
  planner_.wake();
  host_.wake();
  queue_.wake();
}

void NodeWork::wake_planning() {
  planner_.wake();
  queue_.wake();
}

ml::PlannerSources NodeWork::planner_sources() {
  return {.is_leader = [this] { return parts_.group.status().role == consensus::Role::leader; },
          .state = [this] { return parts_.group.view(); },
          .members = [this] { return parts_.gossip.members(); },
          .cluster_now_ms = [this] { return parts_.ledger.cluster_now_ms(); }};
}

ml::WorkHostSources NodeWork::host_sources() {
  const auto& settings = parts_.settings;
  ml::WorkHostSources sources;
  sources.self = parts_.self;
  sources.recovery_epoch = parts_.recovery_epoch;
  sources.work_dir = settings.data / "work";
  sources.disk_reserve = parse_size("--disk-reserve", settings.disk_reserve).value();
  sources.memory_mb = [this] { return ml::trial_memory_mb(parts_.facts.memory_budget_mb()); };
  sources.applied = [this] { return parts_.group.applied(); };
  sources.disk_is_short = [this] { return !parts_.disk.room_to_grow(); };
  sources.outbox = settings.data / "outbox";
  sources.state = [this] { return parts_.group.view(); };
  sources.fetch = [this](ContentHash blob) { return parts_.blob_sync.fetch(blob); };
  sources.bring_checkpoint = [this](ml::WorkName work, std::optional<NodeId> last) {
    return checkpoints_.bring(std::move(work), last);
  };
  sources.copy_checkpoint = [this](ml::WorkName work, std::optional<NodeId> to) {
    return checkpoints_.copy_out(std::move(work), to);
  };
  sources.is_draining = [this] { return ml::is_draining(*parts_.group.view(), parts_.self); };
  sources.replicate = [this](ContentHash blob) { return parts_.blob_sync.replicate(blob); };
  sources.report = [this](const ml::ProgressPoint& point) { report(point); };
  sources.oom_kills = [] { return node::memory_state().oom_kills; };
  sources.groups = groups_ ? &*groups_ : nullptr;
  return sources;
}

/// Its own claim in gossip may be a second old where it is short of something.
std::optional<ml::NodeRoom> NodeWork::own_room() const {
  const auto member = parts_.gossip.member(parts_.self);
  if (!member) return std::nullopt;
  auto room = ml::room_of(*member);
  room.is_short = memory_.is_short() || !parts_.disk.room_to_grow() ||
                  ml::is_draining(*parts_.group.view(), parts_.self);
  return room;
}

ml::QueueSources NodeWork::queue_sources() {
  return {.state = [this] { return parts_.group.view(); },
          .applied = [this] { return parts_.group.applied(); },
          .self = [this] { return own_room(); },
          .others =
              [this] {
                auto rooms = ml::rooms_that_work(*parts_.group.view(), parts_.gossip.members());
                std::erase_if(rooms, [this](const auto& room) { return room.id == parts_.self; });
                return rooms;
              },
          .ask_to_move = [this](ml::MoveHere move) { return ask_to_move(std::move(move)); }};
}

asio::awaitable<bool> NodeWork::ask_to_move(ml::MoveHere move) {
  ml::WorkName work{.study = move.study, .trial = move.number};
  const auto asked = co_await checkpoints_.ask_to_yield(move.owner, std::move(work), move.token);
  co_return static_cast<bool>(asked);
}

ml::MemoryWatchSources NodeWork::memory_sources() {
  const auto look = [this] {
    const auto state = node::memory_state();
    return ml::MemorySeen{.limit = state.limit_bytes,
                          .free = state.free_bytes,
                          .budget = parts_.facts.memory_budget_mb() * kMegabyte,
                          .used = node::memory_used_bytes(),
                          .stalled_percent = state.stalled_percent};
  };
  return {.look = look,
          .ease = [this](const std::string& why) { return host_.ease(why); },
          .make_way = [this](const std::string& why) { return host_.make_way(why); },
          .on_room = [this] { queue_.wake(); }};
}

/// To the leader; may be lost.
void NodeWork::report(const ml::ProgressPoint& point) {
  const auto leader = parts_.group.status().leader;
  if (!leader) return;
  if (*leader == parts_.self) return planner_.report(point);
  const auto member = parts_.gossip.member(*leader);
  if (!member || member->facts.address.empty()) return;
  ml::Command command;
  command.body = ml::ReportProgress{{point}};
  parts_.links.send(member->facts.address, node::Channel::work, to_bytes(ml::encode(command)));
}

}  // namespace starling::bootstrap
