// Conversations of a few members as text: see the scripts for what each proves.
#include "consensus/raft/quorum.h"
#include "consensus/raft/raft_core.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/support/script.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>

namespace starling::consensus {
namespace {

using tests::Step;

NodeId node_number(std::uint64_t number) {
  NodeId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

std::uint64_t number(const Step& step, const std::string& key, std::uint64_t otherwise = 0) {
  const auto found = step.args.find(key);
  return found == step.args.end() ? otherwise : std::stoull(found->second.at(0));
}

std::set<NodeId> nodes(const Step& step, const std::string& key) {
  std::set<NodeId> ids;
  const auto found = step.args.find(key);
  if (found == step.args.end()) return ids;
  for (const std::string& each : found->second)
    ids.insert(node_number(std::stoull(each)));
  return ids;
}

std::string point(LogIndex index, Term term) {
  return fmt::format("{}/{}", index.value, term.value);
}

std::string names(const std::set<NodeId>& ids) {
  std::string text;
  for (const NodeId id : ids)
    text += fmt::format("{}{}", text.empty() ? "" : ",", id.bytes[15]);
  return text.empty() ? "-" : text;
}

struct Words {
  std::string operator()(const VoteRequest& m) const {
    return fmt::format("{} last={}{}",
                       m.pre ? "pre_vote?" : "vote?",
                       point(m.last_index, m.last_term),
                       m.transfer ? " transfer" : "");
  }

  std::string operator()(const VoteResponse& m) const {
    return fmt::format("{} {}", m.pre ? "pre_vote" : "vote", m.granted ? "yes" : "no");
  }

  std::string operator()(const AppendRequest& m) const {
    std::string entries;
    for (const EntryRef& entry : m.entries)
      entries += fmt::format(" {}", point(entry->index, entry->term));
    return fmt::format(
        "append prev={} commit={}{}", point(m.prev_index, m.prev_term), m.commit.value, entries);
  }

  std::string operator()(const AppendResponse& m) const {
    if (!m.rejected) return fmt::format("append yes {}", m.index.value);
    return fmt::format("append no {} hint={}", m.index.value, point(m.hint_index, m.hint_term));
  }

  std::string operator()(const HeartbeatRequest& m) const {
    return fmt::format("heartbeat commit={} read={}", m.commit.value, m.read_seq);
  }

  std::string operator()(const HeartbeatResponse& m) const {
    return fmt::format("heartbeat yes read={}", m.read_seq);
  }

  std::string operator()(const TimeoutNow&) const { return "timeout_now"; }
};

/// Members whose messages and disk writes wait until the script lets them go on.
class Stage {
 public:
  std::string run(const Step& step) {
    out_.clear();
    if (step.command == "swarm") set_up(step);
    if (step.command == "log") set_log(step);
    if (step.command == "campaign") campaign(step);
    if (step.command == "timeout") time_out(step);
    if (step.command == "deliver") deliver(step, static_cast<int>(number(step, "count", 1)));
    if (step.command == "persist") persist(node_number(number(step, "node")));
    if (step.command == "settle") settle(nodes(step, "without"));
    if (step.command == "drop") network_.clear();
    if (step.command == "propose") propose(step);
    if (step.command == "read") read(step);
    if (step.command == "change") change(step);
    if (step.command == "compact") compact(step);
    if (step.command == "status") status();
    return out_.empty() ? "ok" : out_.substr(0, out_.size() - 1);
  }

 private:
  struct Member {
    MemoryLogStore store;
    std::unique_ptr<RaftCore> core;
    std::optional<PersistBatch> batch;
    std::vector<SnapshotSend> snapshots;
  };

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  void set_up(const Step& step) {
    members_.clear();
    network_.clear();
    const Config config{nodes(step, "voters"), {}, nodes(step, "learners")};
    for (const NodeId id : config.members()) {
      PersistBatch batch;
      batch.hard = {{1}, {}, {}, 0};
      const Entry first{{1}, {1}, EntryKind::config, {}, config};
      batch.append.push_back(std::make_shared<const Entry>(first));
      static_cast<void>(members_[id].store.persist(batch));
      boot(id);
    }
  }

  /// Replaces what follows the first entry by no-ops of these terms.
  void set_log(const Step& step) {
    const NodeId id = node_number(number(step, "node"));
    PersistBatch batch;
    batch.hard = {{number(step, "term")}, {}, {}, 0};
    LogIndex index{1};
    for (const std::string& term : step.args.at("terms")) {
      index = index.next();
      const Entry entry{{std::stoull(term)}, index, EntryKind::noop, {}, {}};
      batch.append.push_back(std::make_shared<const Entry>(entry));
    }
    static_cast<void>(members_.at(id).store.persist(batch));
    boot(id);
  }

  void boot(NodeId id) {
    Member& member = members_.at(id);
    auto restored = member.store.load();
    member.core = std::make_unique<RaftCore>(
        RaftIdentity{{}, id}, std::move(restored.value()), RaftTimings{}, id.bytes[15], now_);
  }

  void give(NodeId id, const std::function<void(RaftCore&, Effects&)>& input) {
    Member& member = members_.at(id);
    Effects effects;
    input(*member.core, effects);
    if (effects.fatal) say("{} stops: {}", id.bytes[15], *effects.fatal);
    if (effects.role)
      say("{} is {} term={}",
          id.bytes[15],
          to_string(effects.role->role),
          effects.role->term.value);
    for (Message& message : effects.send)
      network_.push_back(std::move(message));
    if (effects.persist) member.batch = std::move(effects.persist);
    for (const ReadReady& ready : effects.reads)
      say("{} read {} at {}",
          id.bytes[15],
          ready.context,
          ready.index ? std::to_string(ready.index->value) : "never");
    for (const ProposalOutcome& outcome : effects.proposals)
      if (!outcome.index)
        say("{} refuses: {}", id.bytes[15], to_string(outcome.index.error().code));
    for (const SnapshotSend& wanted : effects.snapshots)
      send_snapshot(id, wanted);
    for (const LogRead& read : effects.log_reads)
      read_log(id, read);
    member.core->check_invariants();
    if (effects.apply.empty()) return;
    const LogIndex last = effects.apply.back()->index;
    static_cast<void>(member.store.apply({}, last));
    give(id, [&](RaftCore& core, Effects& next) { core.applied(now_, last, next); });
  }

  void read_log(NodeId id, const LogRead& read) {
    const auto entries = members_.at(id).store.read_log(read.after, read.until, read.bytes_max);
    say("{} reads its log after {} for {}", id.bytes[15], read.after.value, read.peer.bytes[15]);
    give(id, [&](RaftCore& core, Effects& effects) {
      core.log_read(now_, read, entries.value(), effects);
    });
  }

  void send_snapshot(NodeId from, const SnapshotSend& wanted) {
    const RaftCore& core = *members_.at(from).core;
    const SnapshotMeta meta = core.log().meta_at(core.applied_index());
    say("{} sends snapshot {} to {}",
        from.bytes[15],
        point(meta.index, meta.term),
        wanted.to.bytes[15]);
    give(wanted.to,
         [&](RaftCore& to, Effects& effects) { to.snapshot_received(now_, meta, effects); });
    give(from, [&](RaftCore& who, Effects& effects) {
      who.snapshot_sent(now_, wanted, meta.index, effects);
    });
  }

  void tick_at_deadline(NodeId id) {
    now_ = std::max(now_, members_.at(id).core->next_deadline());
    give(id, [&](RaftCore& core, Effects& effects) { core.tick(now_, effects); });
  }

  void time_out(const Step& step) {
    tick_at_deadline(node_number(number(step, "node")));
    show_network();
  }

  /// To the end: nobody else speaks of other things meanwhile.
  void campaign(const Step& step) {
    now_ += std::chrono::seconds{1};  // nobody hears a leader any more
    tick_at_deadline(node_number(number(step, "node")));
    settle(nodes(step, "without"));
  }

  void show_network() {
    for (const Message& message : network_)
      show(message);
  }

  void show(const Message& m) {
    say("{} -> {} term={} {}",
        m.from.bytes[15],
        m.to.bytes[15],
        m.term.value,
        std::visit(Words{}, m.body));
  }

  void deliver(const Step& step, int count) {
    for (int i = 0; i < count && !network_.empty(); ++i)
      deliver_first(nodes(step, "without"));
  }

  void deliver_first(const std::set<NodeId>& without) {
    const Message message = std::move(network_.front());
    network_.pop_front();
    if (without.contains(message.to) || without.contains(message.from)) return;
    show(message);
    give(message.to, [&](RaftCore& core, Effects& effects) { core.step(now_, message, effects); });
  }

  void persist(NodeId id) {
    Member& member = members_.at(id);
    if (!member.batch) return;
    const PersistBatch batch = std::move(*member.batch);
    member.batch.reset();
    static_cast<void>(member.store.persist(batch));
    give(id, [&](RaftCore& core, Effects& effects) { core.persisted(now_, batch.id, effects); });
  }

  void settle(const std::set<NodeId>& without) {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, member] : members_) {
        if (!member.batch || without.contains(id)) continue;
        persist(id);
        busy = true;
      }
      if (network_.empty()) continue;
      deliver_first(without);
      busy = true;
    }
  }

  void propose(const Step& step) {
    give(node_number(number(step, "node")), [&](RaftCore& core, Effects& effects) {
      core.propose(now_, {{1, "command"}}, effects);
    });
    show_network();
  }

  void read(const Step& step) {
    give(node_number(number(step, "node")), [&](RaftCore& core, Effects& effects) {
      core.read_index(now_, number(step, "context"), effects);
    });
    show_network();
  }

  void change(const Step& step) {
    give(node_number(number(step, "node")), [&](RaftCore& core, Effects& effects) {
      const auto index =
          core.change_config(now_, nodes(step, "voters"), nodes(step, "learners"), effects);
      if (!index) say("refused: {}", index.error().detail.substr(0, 200));
    });
  }

  void compact(const Step& step) {
    Member& member = members_.at(node_number(number(step, "node")));
    const LogIndex index{number(step, "index")};
    static_cast<void>(member.store.compact(member.core->log().meta_at(index)));
    member.core->compact(index);
  }

  void status() {
    for (const auto& [id, member] : members_) {
      const RaftCore& core = *member.core;
      say("{} {} term={} log={} commit={} voters={} outgoing={} learners={}",
          id.bytes[15],
          to_string(core.role()),
          core.term().value,
          point(core.log().last_index(), core.log().last_term()),
          core.commit().value,
          names(core.config().voters),
          names(core.config().voters_outgoing),
          names(core.config().learners));
    }
  }

  MonoTime now_{std::chrono::seconds{10}};
  std::map<NodeId, Member> members_;
  std::deque<Message> network_;
  std::string out_;
};

class RaftScript : public testing::TestWithParam<const char*> {};

TEST_P(RaftScript, GoesAsWritten) {
  Stage stage;
  tests::run_script(fmt::format("{}/consensus/scripts/{}.txt", STARLING_TESTS_DIR, GetParam()),
                    [&](const Step& step) { return stage.run(step); });
}

INSTANTIATE_TEST_SUITE_P(Scripts,
                         RaftScript,
                         testing::Values("campaign",
                                         "figure_8",
                                         "vote_waits_for_disk",
                                         "lower_term",
                                         "learner_votes",
                                         "joint_change",
                                         "read_index",
                                         "snapshot_to_laggard"),
                         [](const auto& each) { return std::string{each.param}; });

struct QuorumCase {
  const char* name;
  Config config;
  std::map<NodeId, std::uint64_t> held;
  std::uint64_t commits;
};

class Quorum : public testing::TestWithParam<QuorumCase> {};

TEST_P(Quorum, IsTheHighestIndexThatEachHalfHolds) {
  const auto& given = GetParam();
  const auto held = [&](NodeId node) {
    const auto found = given.held.find(node);
    return found == given.held.end() ? 0 : found->second;
  };
  EXPECT_EQ(quorum_value(given.config, held), given.commits);
}

const NodeId k1 = node_number(1), k2 = node_number(2), k3 = node_number(3), k4 = node_number(4);

INSTANTIATE_TEST_SUITE_P(
    Cases,
    Quorum,
    testing::Values(QuorumCase{"one", {{k1}, {}, {}}, {{k1, 4}}, 4},
                    QuorumCase{"two_need_both", {{k1, k2}, {}, {}}, {{k1, 4}, {k2, 2}}, 2},
                    QuorumCase{"three", {{k1, k2, k3}, {}, {}}, {{k1, 9}, {k2, 4}, {k3, 1}}, 4},
                    QuorumCase{"three_one_silent", {{k1, k2, k3}, {}, {}}, {{k1, 7}, {k2, 5}}, 5},
                    QuorumCase{"four", {{k1, k2, k3, k4}, {}, {}}, {{k1, 9}, {k2, 8}, {k3, 3}}, 3},
                    QuorumCase{"learner", {{k1, k2, k3}, {}, {k4}}, {{k1, 9}, {k4, 9}}, 0},
                    QuorumCase{"joint", {{k4}, {k1, k2, k3}, {}}, {{k4, 9}, {k1, 5}, {k2, 3}}, 3}),
    [](const auto& each) { return std::string{each.param.name}; });

TEST(ConfigHistory, TruncationBringsBackTheOneBefore) {
  ConfigHistory history{{0}, Config{{k1}, {}, {}}};
  history.append({5}, Config{{k1, k2}, {k1}, {}});
  history.append({7}, Config{{k1, k2}, {}, {}});
  EXPECT_EQ(history.at({6}).first, LogIndex{5});
  history.truncate_from({7});
  EXPECT_TRUE(history.active().is_joint());
  history.truncate_from({5});
  EXPECT_EQ(history.active(), (Config{{k1}, {}, {}}));
}

TEST(RaftLog, SkipsWholeTermsWhereLogsPart) {
  std::vector<EntryRef> entries;
  const std::vector<std::uint64_t> terms{1, 1, 4, 4, 5, 5};
  for (const std::uint64_t term : terms) {
    const Entry entry{{term}, {entries.size() + 1}, EntryKind::noop, {}, {}};
    entries.push_back(std::make_shared<const Entry>(entry));
  }
  RaftLog log{{}, entries};
  EXPECT_EQ(log.last_at_or_below({6}, {4}), LogIndex{4});
  EXPECT_EQ(log.last_at_or_below({6}, {3}), LogIndex{2});
  EXPECT_EQ(log.last_at_or_below({9}, {9}), LogIndex{6});
  log.compact({3});
  EXPECT_EQ(log.term_at({3}), Term{4});
  EXPECT_FALSE(log.term_at({2}));
  EXPECT_FALSE(log.is_up_to_date({9}, {4}));
  EXPECT_TRUE(log.is_up_to_date({6}, {5}));
}

}  // namespace
}  // namespace starling::consensus
