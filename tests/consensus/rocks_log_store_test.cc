#include "consensus/storage/rocks_log_store.h"

#include "node/base/bytes.h"
#include "tests/support/test_ids.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <unistd.h>

namespace starling::consensus {
namespace {

using tests::node_number;

EntryRef command(std::uint64_t index, std::uint64_t term, std::string text) {
  return std::make_shared<const Entry>(
      Entry{{term}, {index}, EntryKind::command, std::move(text), {}});
}

class RocksLogStoreTest : public testing::Test {
 protected:
  RocksLogStoreTest() {
    static int number = 0;
    dir_ = std::filesystem::path{testing::TempDir()} /
           fmt::format("starling_rocks_{}_{}", ::getpid(), ++number);
    std::filesystem::remove_all(dir_);
    open();
  }

  ~RocksLogStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  void open() {
    store_.reset();
    auto store = RocksLogStore::open(dir_, {}, node_number(1));
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

  /// Changes the files behind the store's back.
  void damage(const std::function<void(rocksdb::DB&,
                                       rocksdb::ColumnFamilyHandle* log,
                                       rocksdb::ColumnFamilyHandle* meta)>& change) {
    store_.reset();
    const std::vector<rocksdb::ColumnFamilyDescriptor> families{
        {"default", {}}, {"log", {}}, {"meta", {}}, {"sm", {}}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, dir_.string(), families, &handles, &db).ok());
    change(*db, handles[1], handles[2]);
    for (auto* handle : handles)
      db->DestroyColumnFamilyHandle(handle);
    delete db;
    open();
  }

  std::string audit() {
    const auto restored = store_->load();
    if (restored) return "sound";
    EXPECT_EQ(restored.error().code, Errc::corrupt);
    EXPECT_NE(restored.error().detail.find("join the swarm again"), std::string::npos);
    return restored.error().detail;
  }

  std::filesystem::path dir_;
  std::unique_ptr<RocksLogStore> store_;
};

TEST_F(RocksLogStoreTest, GivesBackWhatItTook) {
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

TEST_F(RocksLogStoreTest, LeavesNothingOfATruncatedEnd) {
  persist({command(1, 1, "a"), command(2, 1, "b"), command(3, 1, "c")});
  persist({command(2, 2, "B")}, LogIndex{2});
  open();
  const auto restored = store_->load().value();
  ASSERT_EQ(restored.log.last_index(), LogIndex{2});
  EXPECT_EQ(restored.log.at({2})->command, "B");
}

TEST_F(RocksLogStoreTest, ForgetsWhatIsCompacted) {
  persist({command(1, 1, "a"), command(2, 1, "b"), command(3, 2, "c")});
  put("key", "value", 3);
  ASSERT_TRUE(store_->compact({{2}, {1}, Config{{node_number(1)}, {}, {}}, {1}}));
  open();
  const auto restored = store_->load().value();
  EXPECT_EQ(restored.log.base_index(), LogIndex{2});
  EXPECT_EQ(restored.log.configs().active().voters.size(), 1U);
  EXPECT_EQ(restored.log.last_index(), LogIndex{3});
}

TEST_F(RocksLogStoreTest, AViewStaysAsItWas) {
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

TEST_F(RocksLogStoreTest, InstallsAStagedSnapshotAsAWholeOrNotAtAll) {
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

TEST_F(RocksLogStoreTest, SaysWhatIsWrongWithADamagedLog) {
  persist({command(1, 1, "a"), command(2, 2, "b"), command(3, 2, "c")});
  EXPECT_EQ(audit(), "sound");
  damage([](rocksdb::DB& db, auto* log, auto*) { db.Delete({}, log, big_endian_key(2)); });
  EXPECT_NE(audit().find("entry 3 of the log should follow entry 1"), std::string::npos);
}

TEST_F(RocksLogStoreTest, SaysWhichTermOrBytesAreWrong) {
  persist({command(1, 2, "a"), command(2, 1, "b")});
  EXPECT_NE(audit().find("entry 2 has term 1"), std::string::npos);
  damage([](rocksdb::DB& db, auto* log, auto*) { db.Put({}, log, big_endian_key(2), "rubbish"); });
  EXPECT_NE(audit().find("after entry 1"), std::string::npos);
}

TEST_F(RocksLogStoreTest, NeverStartsFreshOnALogWithoutItsTermAndVote) {
  persist({command(1, 1, "a")});
  damage([](rocksdb::DB& db, auto*, auto* meta) { db.Delete({}, meta, "hard"); });
  EXPECT_NE(audit(), "sound");
}

TEST_F(RocksLogStoreTest, RefusesAStateAppliedBeyondItsLog) {
  persist({command(1, 1, "a")});
  put("key", "value", 5);
  EXPECT_NE(audit().find("applied up to 5"), std::string::npos);
}

}  // namespace
}  // namespace starling::consensus
