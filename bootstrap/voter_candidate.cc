#include "bootstrap/voter_candidate.h"

#include <algorithm>

namespace starling::bootstrap {
namespace {

constexpr std::uint64_t kCaughtUpEntries = 64;  // behind by so few is as good as not behind

std::chrono::microseconds write_time(const node::Member& member,
                                     std::optional<MonoTime> round_trip) {
  if (!round_trip || member.facts.sync_us == 0) return {};
  constexpr std::uint64_t kLongestUs = 3'600'000'000;  // what a member says may be anything
  const std::chrono::microseconds sync{std::min(member.facts.sync_us, kLongestUs)};
  return sync + std::chrono::duration_cast<std::chrono::microseconds>(*round_trip);
}

}  // namespace

VoterCandidate candidate_of(const node::Member& member,
                            const consensus::RaftStatus& status,
                            NodeId leader,
                            std::optional<MonoTime> round_trip) {
  const bool is_leader = member.id == leader;
  const bool remembers = !status.forgetful.contains(member.id);
  const auto match = status.match.find(member.id);
  VoterCandidate one;
  one.id = member.id;
  one.name = member.facts.name;
  one.is_alive = is_leader || (member.state <= node::MemberState::suspect && remembers);
  one.is_heard = is_leader || (status.heard.contains(member.id) && remembers);
  one.is_caught_up = match != status.match.end() && match->second > LogIndex{} &&
                     match->second.value + kCaughtUpEntries >= status.commit.value;
  one.write_time = write_time(member, is_leader ? MonoTime{0} : round_trip);
  one.domain = node::failure_domain(member.facts);
  return one;
}

}  // namespace starling::bootstrap
