#include "bootstrap/live_node.h"

#include "ml/schedule/node_rooms.h"
#include "ml/serve/predict_text.h"
#include "ml/study/study_state.h"
#include "ml/table/table_file.h"
#include "node/base/clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace starling::bootstrap {
namespace {

/// For how long, who is missing, and what a person can do.
std::string why_no_leader(const consensus::RaftStatus& raft,
                          const std::vector<web::MemberStatus>& members) {
  std::vector<std::string> missing;
  for (const NodeId voter : raft.voters) {
    const auto is_voter = [voter](const web::MemberStatus& shown) {
      return shown.member.id == voter;
    };
    const auto known = std::ranges::find_if(members, is_voter);
    const bool is_there =
        known != members.end() && known->member.state <= node::MemberState::suspect;
    if (is_there) continue;
    const bool has_name = known != members.end() && !known->member.facts.name.empty();
    missing.push_back(has_name ? known->member.facts.name : voter.hex().substr(0, 8));
  }
  const auto silent_for = std::chrono::duration_cast<std::chrono::seconds>(
      mono_now() - raft.no_leader_since.value_or(mono_now()));
  std::string text = fmt::format("no leader for {} s", silent_for.count());
  if (missing.size() * 2 < raft.voters.size() || raft.voters.empty())
    return text + ": a majority of the voters is there and elects one";
  return text + fmt::format(
                    ": {} of {} voters cannot be reached ({}). Nothing can be written; what "
                    "is read may be old. Bring them back; if they are lost for good, see "
                    "`starling recover --help`",
                    missing.size(),
                    raft.voters.size(),
                    fmt::join(missing, ", "));
}

}  // namespace

web::SwarmStatus LiveNode::swarm() const {
  const auto raft = parts_.group.status();
  web::SwarmStatus status;
  status.swarm = parts_.swarm;
  status.self = parts_.self;
  status.leader = raft.leader;
  status.term = raft.term.value;
  status.commit_index = raft.commit.value;
  status.applied_index = raft.applied.value;
  status.upstream = raft.upstream;
  status.depth = raft.depth;
  auto members = parts_.gossip.members();
  std::vector<ml::NodeRoom> rooms;
  for (const auto& member : members)
    rooms.push_back(ml::room_of(member));
  const auto loads = ml::loads_of(rooms, ml::active_studies(*parts_.group.view()));
  for (auto& member : members) {
    web::MemberStatus shown;
    shown.role = raft.voters.contains(member.id)     ? "voter"
                 : raft.learners.contains(member.id) ? "standby"
                                                     : "leaf";
    shown.is_leader = raft.leader == member.id;
    const ml::NodeLoad& load = loads.at(member.id);
    member.facts.trials_running = load.running();
    shown.trials_queued = load.queued();
    shown.member = std::move(member);
    status.members.push_back(std::move(shown));
  }
  if (raft.voters.size() == 1) {
    status.notes.push_back(
        status.members.size() < 3
            ? "one copy of the state decides: with three members the swarm survives losing one"
            : "one copy of the state decides until the new members have caught up");
  }
  if (raft.changing_voters) {
    status.notes.push_back(
        "the voters are changing: until that is committed, those before decide as well");
  }
  if (!raft.leader) status.notes.push_back(why_no_leader(raft, status.members));
  if (auto warning = parts_.other_swarm.warning(mono_now()))
    status.notes.push_back(std::move(*warning));
  return status;
}

Result<> LiveNode::ready() const {
  const auto raft = parts_.group.status();
  if (!raft.leader) return Error{Errc::unavailable, "no leader is known"};
  if (raft.recovering_to > raft.applied) {
    return Error{
        Errc::unavailable,
        fmt::format("this node has just started and applies its log again: {} of {} entries",
                    raft.applied.value,
                    raft.recovering_to.value)};
  }
  if (raft.applied < raft.commit)
    return Error{Errc::unavailable,
                 fmt::format("applied {} of {} entries", raft.applied.value, raft.commit.value)};
  // Else the first study of a new swarm would be planned as one of an old version.
  const bool is_alone = raft.voters.size() == 1 && raft.learners.empty();
  if (is_alone && ml::feature_level(*state()) == 1)
    return Error{Errc::unavailable, "a new swarm settles what its members understand"};
  return {};
}

Result<> LiveNode::room_to_grow() const {
  return parts_.disk.room_to_grow();
}

std::shared_ptr<const StateView> LiveNode::state() const {
  return parts_.group.view();
}

LogIndex LiveNode::applied() const {
  return parts_.group.applied();
}

asio::awaitable<Result<>> LiveNode::wait_applied(LogIndex index,
                                                 std::chrono::milliseconds patience) {
  if (parts_.group.applied() >= index) co_return Result<>{};
  auto work = parts_.group.wait_applied(index, patience);
  co_return co_await asio::co_spawn(parts_.core, std::move(work), asio::use_awaitable);
}

asio::awaitable<Result<LogIndex>> LiveNode::read_index(std::chrono::milliseconds patience) {
  return parts_.ledger.read_index(patience);
}

ml::Ledger& LiveNode::ledger() {
  return parts_.ledger;
}

node::BlobStore& LiveNode::blobs() {
  return parts_.blobs;
}

asio::awaitable<Result<ml::TableProfile>> LiveNode::profile(ContentHash blob,
                                                            ml::TableOptions options) {
  auto work = profile_in_background(blob, std::move(options));
  co_return co_await asio::co_spawn(parts_.background, std::move(work), asio::use_awaitable);
}

asio::awaitable<Result<ml::TableProfile>> LiveNode::profile_in_background(
    ContentHash blob, ml::TableOptions options) {
  co_return ml::profile_file(parts_.blobs.path(blob), options);
}

asio::awaitable<Result<>> LiveNode::replicate(ContentHash blob) {
  return parts_.blob_sync.replicate(blob);
}

asio::awaitable<Result<>> LiveNode::fetch(ContentHash blob) {
  return parts_.blob_sync.fetch(blob);
}

asio::awaitable<Result<std::string>> LiveNode::predict(web::PredictCall call) {
  const auto version = ml::find_version(*state(), call.model, call.version);
  if (!version) co_return version.error();
  const auto fetched = co_await fetch(version->artifact);
  if (!fetched) co_return fetched.error();
  auto question =
      call.is_csv ? ml::question_from_csv(call.body) : ml::question_from_json(call.body);
  if (!question) co_return question.error();
  auto rows = std::move(question->rows);
  auto work =
      predict_on_core(parts_.blobs.path(version->artifact), std::move(rows), question->missing);
  const auto answer = co_await asio::co_spawn(parts_.core, std::move(work), asio::use_awaitable);
  if (!answer) co_return answer.error();
  if (call.is_csv) co_return ml::answer_as_csv(*question, *answer);
  co_return ml::answer_as_json(version->model, version->version, *answer);
}

asio::awaitable<Result<ml::Predictions>> LiveNode::predict_on_core(std::filesystem::path artifact,
                                                                   std::vector<ml::RawRow> rows,
                                                                   ml::MissingColumns missing) {
  return parts_.predictor.predict(std::move(artifact), std::move(rows), missing);
}

}  // namespace starling::bootstrap
