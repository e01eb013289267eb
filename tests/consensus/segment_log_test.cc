// The log's files: frames are whole or not there, files are used again, a torn end is cut off once.
#include "consensus/storage/segment_log.h"

#include "tests/support/fault_file_system.h"
#include "tests/support/test_ids.h"

#include <gtest/gtest.h>

#include <limits>

namespace starling::tests {
namespace {

using namespace consensus;

constexpr std::size_t kSegmentBytes = 16 << 10;

EntryRef command(std::uint64_t index, std::size_t size) {
  return std::make_shared<const Entry>(
      Entry{Term{1}, {index}, EntryKind::command, std::string(size, 'c'), {}});
}

PersistBatch batch_of(std::vector<EntryRef> entries) {
  PersistBatch batch;
  batch.hard = {Term{1}, node_number(1), {}, 0};
  batch.append = std::move(entries);
  return batch;
}

/// A log on a disk in memory.
struct Machine {
  FaultDisk disk;
  std::unique_ptr<rocksdb::Env> env = env_on(disk);
  std::unique_ptr<SegmentLog> log;

  explicit Machine(const DiskImage& image = {}) : disk(image) {}

  Result<> open() {
    auto opened = SegmentLog::open(*env, "/log", "owner", {kSegmentBytes, 2});
    if (!opened) return opened.error();
    log = std::move(*opened);
    return {};
  }

  void write(std::uint64_t index,
             std::size_t size,
             const std::optional<SnapshotMeta>& base = std::nullopt) {
    ASSERT_TRUE(log->write(batch_of({command(index, size)}), 2, base));
  }
};

/// What a disk holds after entries 1 to `count`, each a write of its own.
DiskImage image_after(std::uint64_t count, std::size_t size) {
  Machine machine;
  EXPECT_TRUE(machine.open());
  for (std::uint64_t i = 1; i <= count; ++i)
    machine.write(i, size);
  return machine.disk.files();
}

std::string& newest(DiskImage& image) {
  return image.rbegin()->second;
}

TEST(LogFrame, IsWholeOrNotThere) {
  FrameWriter writer;
  writer.add(RecordKind::entry, 7, std::string(600, 'e'));
  writer.add(RecordKind::truncate, 9, {});
  const Frame closed = writer.close({3, 77, 11, 10}, 0);
  std::string bytes{writer.bytes()};
  EXPECT_EQ(closed.size, bytes.size());
  EXPECT_EQ(bytes.size() % kSectorBytes, 0U);
  const auto frame = frame_at(bytes, 0);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->head.segment, 3U);
  EXPECT_EQ(frame->head.salt, 77U);
  EXPECT_EQ(frame->head.number, 11U);
  EXPECT_EQ(frame->head.confirmed, 10U);
  std::vector<std::uint64_t> numbers;
  EXPECT_TRUE(
      for_each_record(*frame, [&](const Record& record) { numbers.push_back(record.number); }));
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{7, 9}));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= 4;
    EXPECT_FALSE(frame_at(bytes, 0)) << at;
    bytes[at] ^= 4;
  }
  EXPECT_FALSE(frame_at(std::string_view{bytes}.substr(0, bytes.size() - 1), 0));
}

/// Neither an earlier segment's frame nor one that a client wrote as a value.
TEST(LogFrame, AnEarlierUseOfTheFileIsNotReadOn) {
  for (const FrameHead other : {FrameHead{4, 77, 3, 2}, FrameHead{5, 78, 3, 2}}) {
    FrameWriter writer;
    std::string bytes;
    for (const FrameHead& head : {FrameHead{5, 77, 1, 0}, FrameHead{5, 77, 2, 1}, other}) {
      writer.clear();
      writer.add(RecordKind::truncate, 1, {});
      writer.close(head, bytes.size());
      bytes += writer.bytes();
    }
    const SegmentScan scan = scan_segment(bytes, 5);
    EXPECT_EQ(scan.frames.size(), 2U);
    EXPECT_EQ(scan.end, 2 * kSectorBytes);
    EXPECT_FALSE(scan.has_more);
  }
}

TEST(SegmentLog, UsesFilesAgainWhoseEntriesAreCompacted) {
  Machine machine;
  ASSERT_TRUE(machine.open());
  std::optional<SnapshotMeta> base;
  std::size_t files_most = 0;
  for (std::uint64_t i = 1; i <= 400; ++i) {
    machine.write(i, 1000, std::exchange(base, std::nullopt));
    if (i % 20 == 0) base = SnapshotMeta{{i - 5}, Term{1}, {}, {}};
    files_most = std::max(files_most, machine.disk.children("/log").size());
  }
  EXPECT_LE(files_most, 6U) << "20 entries of 1 KB need two files, two are spare";
  EXPECT_GT(machine.disk.files().rbegin()->first, "/log/000000000030.log");
  const auto read = machine.log->read({380}, {400}, std::numeric_limits<std::size_t>::max());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 20U);
  EXPECT_TRUE(machine.log->read({300}, {400}, 1)->empty()) << "they are gone";

  Machine again{machine.disk.files()};
  ASSERT_TRUE(again.open());
  EXPECT_EQ(again.log->contents().last(), LogIndex{400});
  EXPECT_EQ(again.log->contents().first(), LogIndex{376});
  EXPECT_EQ(again.log->contents().owner(), "owner");
}

/// Between finding an entry and reading it, its segment may become a spare: not the next one, too.
TEST(SegmentLog, AReaderIsNotOverwritten) {
  Machine machine;
  ASSERT_TRUE(machine.open());
  for (std::uint64_t i = 1; i <= 3; ++i)
    machine.write(i, 1000);
  machine.disk.before_next_read([&] {
    for (std::uint64_t i = 4; i <= 200; ++i)
      machine.write(i, 1000, SnapshotMeta{{i - 2}, Term{1}, {}, {}});
  });
  const auto read = machine.log->read({}, {1}, 1);
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(*read->front(), *command(1, 1000));
  EXPECT_EQ(machine.log->contents().last(), LogIndex{200});
}

TEST(SegmentLog, HoldsAWriteThatIsLargerThanASegment) {
  Machine machine;
  ASSERT_TRUE(machine.open());
  machine.write(1, 3 * kSegmentBytes);
  machine.write(2, 10);
  Machine again{machine.disk.files()};
  ASSERT_TRUE(again.open());
  const auto read = again.log->read({}, {2}, std::numeric_limits<std::size_t>::max());
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(*read->front(), *command(1, 3 * kSegmentBytes));
}

/// Two frames of one batch, the first of them torn: the second must not come back as the next
/// write's successor.
TEST(SegmentLog, WhatLiesBehindATornWriteNeverComesBack) {
  DiskImage image = image_after(1, 10);
  const std::uint64_t salt = frame_at(newest(image), 0)->head.salt;
  FrameWriter writer;
  for (std::uint64_t i = 2; i <= 3; ++i) {
    writer.clear();
    writer.add(RecordKind::entry, i, "an entry that was never confirmed");
    writer.close({1, salt, i + 1, 2}, 0);
    newest(image).replace(i * kSectorBytes, kSectorBytes, writer.bytes());
  }
  newest(image)[2 * kSectorBytes + 50] ^= 1;

  Machine torn{image};
  ASSERT_TRUE(torn.open());
  EXPECT_EQ(torn.log->contents().last(), LogIndex{1});
  ASSERT_TRUE(torn.log->torn_end());
  EXPECT_EQ(*torn.log->torn_end(), "/log/000000000001.log at byte 1024");
  torn.write(2, 10);

  Machine after{torn.disk.files()};
  ASSERT_TRUE(after.open());
  EXPECT_FALSE(after.log->torn_end());
  EXPECT_EQ(after.log->contents().last(), LogIndex{2});
}

TEST(SegmentLog, DamageBeforeAConfirmedWriteIsNamed) {
  DiskImage image = image_after(3, 10);
  newest(image)[2 * kSectorBytes] ^= 1;
  Machine rotten{image};
  const auto opened = rotten.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().detail.find("/log/000000000001.log is damaged at byte 1024"),
            std::string::npos)
      << opened.error().detail;
}

/// A process is killed, or stops, before its sync returned. What the next one finds it takes for
/// its own, so that must survive a power failure.
TEST(SegmentLog, WhatAStartFindsIsDurable) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Machine machine;
    ASSERT_TRUE(machine.open());
    machine.write(1, 10);
    machine.disk.fail(DiskCall::sync, 1, DiskFailure::io, ".log");
    EXPECT_FALSE(machine.log->write(batch_of({command(2, 2000)}), 2, std::nullopt));
    ASSERT_TRUE(machine.open()) << "a new process on the same machine";
    ASSERT_EQ(machine.log->contents().last(), LogIndex{2});
    Random random{seed};
    Machine after{machine.disk.crash(random, TornEnd::holes)};
    ASSERT_TRUE(after.open());
    EXPECT_EQ(after.log->contents().last(), LogIndex{2});
  }
}

/// The commit index that a batch names may be that of its last entry.
TEST(SegmentLog, ALargeBatchIsWholeOrNotThere) {
  for (std::uint64_t nth = 1; nth < 12; ++nth) {
    Machine machine;
    ASSERT_TRUE(machine.open());
    machine.write(1, 10);
    PersistBatch batch;
    for (std::uint64_t i = 2; i <= 5; ++i)
      batch.append.push_back(command(i, 700'000));
    batch.hard = {Term{1}, node_number(1), {5}, 0};
    machine.disk.lose_power_at(nth);
    ASSERT_TRUE(machine.log->write(batch, 2, std::nullopt));
    Random random{nth};
    Machine after{machine.disk.crash(random, TornEnd::holes)};
    ASSERT_TRUE(after.open());
    const LogIndex last = after.log->contents().last();
    EXPECT_TRUE(last == LogIndex{1} || last == LogIndex{5}) << last.value;
    EXPECT_LE(after.log->contents().hard()->commit, last);
  }
}

/// It may as well be torn: nothing behind it says that it was confirmed.
TEST(SegmentLog, DamageInTheLastWriteIsTakenForATornOne) {
  DiskImage image = image_after(3, 10);
  newest(image)[3 * kSectorBytes] ^= 1;
  Machine shorter{image};
  ASSERT_TRUE(shorter.open());
  EXPECT_EQ(shorter.log->contents().last(), LogIndex{2});
}

TEST(SegmentLog, AMissingSegmentIsNamed) {
  DiskImage image = image_after(60, 1000);
  image.erase("/log/000000000002.log");
  Machine lacking{image};
  const auto opened = lacking.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().detail, "/log/000000000002.log is missing");
}

/// The power fails at each step of making or renaming the next file.
TEST(SegmentLog, ASegmentThatWasNeverBegunIsNoLoss) {
  for (const bool has_spares : {false, true}) {
    for (std::uint64_t nth = 1; nth < 12; ++nth) {
      SCOPED_TRACE(nth);
      Machine machine;
      ASSERT_TRUE(machine.open());
      const std::size_t size = kSegmentBytes / 2;
      const std::uint64_t count = has_spares ? 10 : 1;
      for (std::uint64_t i = 1; i <= count; ++i)
        machine.write(
            i,
            size,
            has_spares && i == 8 ? std::optional{SnapshotMeta{{6}, {1}, {}, {}}} : std::nullopt);
      machine.disk.lose_power_at(nth);
      machine.write(count + 1, size);
      machine.write(count + 2, size);
      Random random{nth};
      Machine after{machine.disk.crash(random, TornEnd::holes)};
      const auto opened = after.open();
      ASSERT_TRUE(opened) << opened.error().detail;
      EXPECT_GE(after.log->contents().last(), LogIndex{count});
      const LogIndex last = after.log->contents().last();
      after.write(last.value + 1, size);
      Machine again{after.disk.files()};
      ASSERT_TRUE(again.open());
      EXPECT_EQ(again.log->contents().last(), last.next());
    }
  }
}

}  // namespace
}  // namespace starling::tests
