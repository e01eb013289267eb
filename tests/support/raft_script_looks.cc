// What a script can see of its members, and demand of them.
#include "tests/support/raft_script.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace starling::tests {

using namespace consensus;

namespace {

std::string_view to_string(ProgressState state) {
  switch (state) {
    case ProgressState::probe: return "probe";
    case ProgressState::replicate: return "replicate";
    case ProgressState::snapshot: return "snapshot";
  }
  return "unknown";
}

/// `1,2` and `(2,1)` are the same members.
std::string joined(const std::vector<std::string>& values) {
  std::vector<std::string> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const std::string& each : sorted)
    text += (text.empty() ? "" : ",") + each;
  return text;
}

std::string facts(const RaftCore& core) {
  const Config& config = core.config();
  std::string text = fmt::format("{} term={} log={} commit={} applied={} voters={}",
                                 to_string(core.role()),
                                 core.term().value,
                                 tests::text(core.log().last_index(), core.log().last_term()),
                                 core.commit().value,
                                 core.applied_index().value,
                                 names(config.voters));
  if (config.is_joint()) text += " outgoing=" + names(config.voters_outgoing);
  if (!config.learners.empty()) text += " learners=" + names(config.learners);
  return text;
}

}  // namespace

void RaftScript::status(const Step& step) {
  for (const auto& [id, who] : members_) {
    if (!step.words.empty() && !has_word(step, name(id))) continue;
    if (who.core)
      say("{} {}", name(id), facts(*who.core));
    else
      say("{} {}", name(id), who.is_out ? "out" : "down");
  }
}

void RaftScript::progress(const Step& step) {
  const NodeId self = subject(step);
  for (const auto& [peer, progress] : up(self).core->progress()) {
    if (peer == self) continue;
    say("{} {} match={} next={}{}{}",
        name(peer),
        to_string(progress.state),
        progress.match.value,
        progress.next.value,
        progress.may_send() ? "" : " waits",
        progress.has_forgotten ? " forgetful" : "");
  }
}

void RaftScript::under_way(const Step& step) {
  const MessageFilter which = filter(step);
  std::uint64_t count = 0;
  for (const Message& message : network_.under_way()) {
    if (!which.matches(message)) continue;
    ++count;
    say("+ {}", text(message));
  }
  EXPECT_EQ(count, number(step, "count", count)) << "messages under way";
}

void RaftScript::expect_equal(const Step& step, const std::string& key, const std::string& actual) {
  const auto expected = step.args.find(key);
  if (expected == step.args.end() || expected->second.empty()) return;
  EXPECT_EQ(actual, joined(expected->second)) << key;
  if (actual != joined(expected->second)) say("{} is {}", key, actual);
}

void RaftScript::expect_peer(const RaftCore& core, const Step& step) {
  const auto found = core.progress().find(node_number(number(step, "peer", 0)));
  if (found == core.progress().end()) {
    ADD_FAILURE() << "it does not track this peer";
    return;
  }
  const Progress& progress = found->second;
  expect_equal(step, "match", std::to_string(progress.match.value));
  expect_equal(step, "next", std::to_string(progress.next.value));
  const std::string state{to_string(progress.state)};
  for (const std::string word : {"probe", "replicate", "snapshot"}) {
    if (has_word(step, word)) {
      EXPECT_EQ(state, word);
    }
  }
}

void RaftScript::expect(const Step& step) {
  const Member& who = member(subject(step));
  EXPECT_EQ(who.is_out, has_word(step, "out")) << "out";
  EXPECT_EQ(!who.core, has_word(step, "out") || has_word(step, "down")) << "down";
  if (!who.core) return;
  const RaftCore& core = *who.core;
  for (const std::string word : {"follower", "pre_candidate", "candidate", "leader"}) {
    if (has_word(step, word)) {
      EXPECT_EQ(consensus::to_string(core.role()), word);
    }
  }
  if (has_word(step, "idle") || has_word(step, "writing")) {
    EXPECT_EQ(who.writing.has_value(), has_word(step, "writing")) << "its disk";
  }
  expect_equal(step, "term", std::to_string(core.term().value));
  expect_equal(step, "log", text(core.log().last_index(), core.log().last_term()));
  expect_equal(step, "commit", std::to_string(core.commit().value));
  expect_equal(step, "applied", std::to_string(core.applied_index().value));
  expect_equal(step, "stable", std::to_string(core.stable().value));
  expect_equal(step, "vote", name(core.vote()));
  expect_equal(step, "leader", name(core.leader().value_or(NodeId{})));
  expect_equal(step, "voters", names(core.config().voters));
  expect_equal(step, "outgoing", names(core.config().voters_outgoing));
  expect_equal(step, "learners", names(core.config().learners));
  expect_equal(step, "forgetful", names(core.forgetful()));
  if (step.args.contains("peer")) expect_peer(core, step);
}

/// `expect_read 7 open`, `expect_read 7 never` or `expect_read 7 5`: the index it was answered at.
void RaftScript::expect_read(const Step& step) {
  if (step.words.size() != 2) throw BadStep{"which read, and open, never or an index?"};
  const auto found = reads_.find(std::stoull(step.words.front()));
  if (found == reads_.end()) throw BadStep{"nobody asked for this read"};
  EXPECT_EQ(found->second, step.words.back());
}

}  // namespace starling::tests
