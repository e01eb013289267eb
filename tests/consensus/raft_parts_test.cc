// The small parts that Raft counts and remembers with.
#include "consensus/raft/quorum.h"
#include "consensus/raft/raft_log.h"
#include "tests/support/test_ids.h"

#include <gtest/gtest.h>

namespace starling::consensus {
namespace {

using tests::node_number;

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
