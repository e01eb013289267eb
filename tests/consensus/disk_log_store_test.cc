#include "consensus/storage/disk_log_store.h"

#include "tests/support/test_ids.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace starling::consensus {
namespace {

using tests::node_number;

EntryRef command(std::uint64_t index, std::uint64_t term, std::string text) {
  return std::make_shared<const Entry>(
      Entry{{term}, {index}, EntryKind::command, std::move(text), {}});
}

class DiskLogStoreTest : public testing::Test {
 protected:
  DiskLogStoreTest() {
    static int number = 0;
    dir_ = std::filesystem::path{testing::TempDir()} /
           fmt::format("starling_rocks_{}_{}", ::getpid(), ++number);
    std::filesystem::remove_all(dir_);
    open();
  }

  ~DiskLogStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  void open() {
    store_.reset();
    auto store = DiskLogStore::open(dir_, {}, node_number(1));
    ASSERT_TRUE(store) << store.error().detail;
    store_ = std::move(*store);
  }

  void persist(std::vector<EntryRef> entries,
               std::optional<LogIndex> truncate_from = {},
               std::uint64_t term = 3) {
    PersistBatch batch;
    batch.hard = {{term}, node_number(1), {}, 0};
    batch.truncate_from = truncate_from;
    batch.append = std::move(entries);
    ASSERT_TRUE(store_->persist(batch));
  }

  void put(const std::string& key, const std::string& value, std::uint64_t index) {
    Changes changes;
    changes.put(key, value);
    ASSERT_TRUE(store_->apply(changes, {index}));
  }

  std::string audit() {
    const auto restored = store_->load();
    if (restored) return "sound";
    EXPECT_EQ(restored.error().code, Errc::corrupt);
    EXPECT_NE(restored.error().detail.find("join the swarm again"), std::string::npos);
    return restored.error().detail;
  }

  std::filesystem::path dir_;
  std::unique_ptr<DiskLogStore> store_;
};

TEST_F(DiskLogStoreTest, GivesBackWhatItTook) {
  persist({command(1, 1, "a"), command(2, 1, "b"), command(3, 2, "c")});
  put("key", "value", 2);
  open();
  const auto restored = store_->load().value();
  EXPECT_EQ(restored.hard.term, Term{3});
  EXPECT_EQ(restored.hard.vote, node_number(1));
  ASSERT_EQ(restored.log.last_index(), LogIndex{3});
  EXPECT_EQ(*restored.log.at({3}), *command(3, 2, "c"));
  EXPECT_EQ(restored.applied, LogIndex{2});
  EXPECT_EQ(store_->view()->get("key"), "value");
}

TEST_F(DiskLogStoreTest, LeavesNothingOfATruncatedEnd) {
  persist({command(1, 1, "a"), command(2, 1, "b"), command(3, 1, "c")});
  persist({command(2, 2, "B")}, LogIndex{2});
  open();
  const auto restored = store_->load().value();
  ASSERT_EQ(restored.log.last_index(), LogIndex{2});
  EXPECT_EQ(restored.log.at({2})->command, "B");
}

TEST_F(DiskLogStoreTest, ForgetsWhatIsCompactedOnceTheStateIsOnTheDisk) {
  persist({command(1, 1, "a"), command(2, 1, "b"), command(3, 2, "c")});
  put("key", "value", 3);
  ASSERT_TRUE(store_->compact({{2}, {1}, Config{{node_number(1)}, {}, {}}, {1}}));
  for (int i = 0; i < 10'000 && !store_->read_log({1}, {2}, 1)->empty(); ++i)
    persist({});
  open();
  const auto restored = store_->load().value();
  EXPECT_EQ(restored.log.base_index(), LogIndex{2});
  EXPECT_EQ(restored.log.configs().active().voters.size(), 1U);
  EXPECT_EQ(restored.log.last_index(), LogIndex{3});
}

TEST_F(DiskLogStoreTest, AViewStaysAsItWas) {
  put("b", "old", 0);
  const auto view = store_->view();
  put("b", "new", 0);
  put("a", "first", 0);
  EXPECT_EQ(view->get("b"), "old");
  EXPECT_FALSE(view->get("a"));
  EXPECT_EQ(store_->view()->get("b"), "new");
  std::string keys;
  store_->view()->scan("a", "b", [&](std::string_view key, std::string_view) {
    keys += key;
    return true;
  });
  EXPECT_EQ(keys, "a");
}

TEST_F(DiskLogStoreTest, InstallsAStagedSnapshotAsAWholeOrNotAtAll) {
  persist({command(1, 1, "a")});
  put("old", "1", 1);
  // A crash while staging leaves the old state and none of the new.
  ASSERT_TRUE(store_->begin_staging());
  ASSERT_TRUE(store_->stage(std::string{"\0\0\0\3\0\0\0\1new2", 12}));
  open();
  EXPECT_EQ(store_->view()->get("old"), "1");
  EXPECT_FALSE(store_->view()->get("new"));

  // What an unfinished stream left does not come back with the next one.
  ASSERT_TRUE(store_->begin_staging());
  ASSERT_TRUE(store_->stage(std::string{"\0\0\0\4\0\0\0\1next3", 13}));
  auto before = store_->view();
  PersistBatch install;
  install.hard = {{5}, {}, {9}, 0};
  install.install = SnapshotMeta{{9}, {4}, Config{{node_number(2)}, {}, {}}, {7}};
  ASSERT_TRUE(store_->persist(install));
  EXPECT_EQ(before->get("old"), "1");
  before.reset();  // a view keeps the database open
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(store_->view()->get("next"), "3");
    EXPECT_FALSE(store_->view()->get("old"));
    EXPECT_FALSE(store_->view()->get("new"));
    const auto restored = store_->load().value();
    EXPECT_EQ(restored.log.meta_at(install.install->index), *install.install);
    EXPECT_EQ(restored.applied, LogIndex{9});
    EXPECT_EQ(restored.log.last_index(), install.install->index);
    open();
  }
  EXPECT_FALSE(store_->stage("torn"));
}

TEST_F(DiskLogStoreTest, SaysWhichTermIsWrong) {
  persist({command(1, 2, "a"), command(2, 1, "b")});
  EXPECT_NE(audit().find("entry 2 has term 1"), std::string::npos);
}

TEST_F(DiskLogStoreTest, SaysWhereTheLogIsDamaged) {
  persist({command(1, 1, "a"), command(2, 2, "b")});
  persist({command(3, 2, "c")});
  EXPECT_EQ(audit(), "sound");
  store_.reset();
  const auto path = dir_ / "log" / "000000000001.log";
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(512 + 40);
  file << "rot";
  file.close();
  const auto opened = DiskLogStore::open(dir_, {}, node_number(1));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().detail.find(path.string() + " is damaged at byte 512"),
            std::string::npos)
      << opened.error().detail;
}

TEST_F(DiskLogStoreTest, NeverStartsFreshBesideTheStateOfAnEarlierBuild) {
  store_.reset();
  std::ofstream{dir_ / "CURRENT"} << "MANIFEST-000004";
  const auto opened = DiskLogStore::open(dir_, {}, node_number(1));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::conflict) << "a node must not lay it aside by itself";
  EXPECT_NE(opened.error().detail.find("of an earlier build"), std::string::npos);
}

TEST_F(DiskLogStoreTest, BelongsToOneNode) {
  store_.reset();
  const auto opened = DiskLogStore::open(dir_, {}, node_number(2));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::conflict);
}

TEST_F(DiskLogStoreTest, NeverStartsFreshBesideAStateThatIsAhead) {
  persist({command(1, 1, "a")});
  put("key", "value", 1);
  store_.reset();
  std::filesystem::remove_all(dir_ / "log");
  open();
  EXPECT_NE(audit().find("applied up to 1"), std::string::npos);
}

TEST_F(DiskLogStoreTest, RefusesAStateAppliedBeyondItsLog) {
  persist({command(1, 1, "a")});
  put("key", "value", 5);
  EXPECT_NE(audit().find("applied up to 5"), std::string::npos);
}

}  // namespace
}  // namespace starling::consensus
