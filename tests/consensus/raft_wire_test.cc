#include "consensus/raft/raft_wire.h"

#include "node/base/random.h"
#include "tests/support/test_ids.h"

#include <gtest/gtest.h>

#include <vector>

namespace starling::consensus {
namespace {

using tests::node_number;

EntryRef entry(std::uint64_t index, std::uint64_t term, EntryKind kind, std::string command = {}) {
  Entry made{{term}, {index}, kind, std::move(command), {}};
  if (kind == EntryKind::config)
    made.config = {{node_number(1)}, {node_number(2)}, {node_number(3)}};
  return std::make_shared<const Entry>(made);
}

Message message(MessageBody body) {
  SwarmId swarm;
  swarm.bytes[3] = 9;
  return {swarm, 2, node_number(1), node_number(2), {7}, 5, std::move(body)};
}

std::vector<Message> samples() {
  const std::vector<EntryRef> entries{entry(11, 5, EntryKind::noop),
                                      entry(12, 6, EntryKind::command, "bytes"),
                                      entry(13, 7, EntryKind::config)};
  return {message(VoteRequest{true, false, {10}, {5}}),
          message(VoteResponse{false, true}),
          message(AppendRequest{{10}, {5}, {9}, entries, 99, false}),
          message(AppendRequest{{10}, {5}, {9}, {}, 99, true}),
          message(AppendResponse{true, {10}, {8}, {4}, 99}),
          message(HeartbeatRequest{{9}, {12}, 3, 12345}),
          message(HeartbeatResponse{3, 12345, {{1024}, {1, 2, 3}}}),
          message(TimeoutNow{})};
}

TEST(RaftWire, BringsEveryMessageAcross) {
  for (const Message& sent : samples()) {
    const Bytes bytes = encode_message(sent);
    const auto arrived = decode_message(bytes);
    ASSERT_TRUE(arrived) << arrived.error().detail;
    EXPECT_EQ(arrived->body.index(), sent.body.index());
    EXPECT_EQ(encode_message(*arrived), bytes);
  }
}

TEST(RaftWire, KeepsEntriesAndHardState) {
  const Entry config = *entry(3, 2, EntryKind::config);
  EXPECT_EQ(decode_entry(encode_entry(config)).value(), config);
  const HardState hard{{4}, node_number(2), {3}, 1};
  EXPECT_EQ(decode_hard_state(encode_hard_state(hard)).value(), hard);
  const SnapshotMeta meta{{9}, {4}, config.config, {3}};
  EXPECT_EQ(decode_snapshot_meta(encode_snapshot_meta(meta)).value(), meta);
}

TEST(RaftWire, RefusesWhatCannotBe) {
  const auto refused = [](AppendRequest request) {
    return !decode_message(encode_message(message(std::move(request))));
  };
  const auto noop = [](std::uint64_t index, std::uint64_t term) {
    return entry(index, term, EntryKind::noop);
  };
  EXPECT_FALSE(refused({{10}, {5}, {9}, {noop(11, 5)}}));
  EXPECT_TRUE(refused({{10}, {5}, {9}, {noop(12, 5)}})) << "a gap after the entry before";
  EXPECT_TRUE(refused({{10}, {5}, {9}, {noop(11, 5), noop(13, 5)}})) << "a gap between entries";
  EXPECT_TRUE(refused({{10}, {5}, {9}, {noop(11, 4)}})) << "a term that falls";
  EXPECT_TRUE(refused({{10}, {5}, {9}, {noop(11, 8)}})) << "an entry later than its message";
  EXPECT_TRUE(refused({{10}, {0}, {9}, {}})) << "an entry before without a term";
  EXPECT_TRUE(refused({{10}, {5}, {9}, {noop(11, 5)}, 0, true})) << "news with entries";
  const auto command = entry(11, 5, EntryKind::command, std::string(kCommandBytesMax + 1, 'x'));
  EXPECT_TRUE(refused({{10}, {5}, {9}, {command}})) << "a command above the limit";
  EXPECT_TRUE(refused({{kNumberMax + 1}, {5}, {9}, {}})) << "an index out of range";
  Message nobody = samples()[0];
  nobody.from = {};
  EXPECT_FALSE(decode_message(encode_message(nobody))) << "no sender";
}

TEST(RaftWire, SurvivesAnyBytes) {
  Random random{20};
  const auto all = samples();
  int accepted = 0;
  for (int i = 0; i < 100000; ++i) {
    Bytes bytes = encode_message(all[random.below(all.size())]);
    if (i % 4 == 0) {
      bytes.resize(random.below(200));
      for (std::byte& each : bytes)
        each = static_cast<std::byte>(random.below(256));
    } else {
      const std::uint64_t changes = 1 + random.below(3);
      for (std::uint64_t k = 0; k < changes; ++k)
        bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
      if (random.chance(0.1)) bytes.resize(random.below(bytes.size() + 1));
    }
    const auto message_read = decode_message(bytes);
    static_cast<void>(decode_snapshot_chunk(bytes));
    static_cast<void>(decode_entry(as_text(bytes)));
    if (!message_read) continue;
    ++accepted;
    // What is accepted means one thing only.
    const auto again = decode_message(encode_message(*message_read));
    ASSERT_TRUE(again) << again.error().detail;
  }
  EXPECT_GT(accepted, 1000) << "the changes should reach past the first checks";
}

}  // namespace
}  // namespace starling::consensus
