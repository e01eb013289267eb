#include "node/blobs/blob_exchange.h"
#include "node/blobs/blob_packets.h"
#include "node/blobs/blob_store.h"
#include "node/net/on_disk.h"
#include "tests/node/blob_peer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace starling::node {
namespace {

using tests::BlobPeer;
using tests::damage;
using tests::ScratchFolder;
using tests::store_text;
using tests::text_of;
namespace fs = std::filesystem;

TEST(BlobStoreTest, a_blob_is_named_by_its_content) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const ContentHash hash = store_text(*store, "some bytes");
  EXPECT_EQ(hash, hash_of(to_bytes("some bytes")));
  EXPECT_TRUE(store->has(hash));
  EXPECT_EQ(store->size(hash).value(), 10U);
  EXPECT_EQ(store->path(hash), folder.path() / hash.hex().substr(0, 2) / hash.hex());
  EXPECT_EQ(store_text(*store, "some bytes"), hash);
  EXPECT_EQ(store->list(), std::vector{hash});
}

TEST(BlobStoreTest, ranges_are_cut_at_the_end) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const ContentHash hash = store_text(*store, "0123456789");

  struct Case {
    std::uint64_t offset;
    std::size_t size;
    std::string_view expected;
  };

  for (const Case& c : {Case{0, 10, "0123456789"},
                        Case{3, 4, "3456"},
                        Case{8, 100, "89"},
                        Case{10, 5, ""},
                        Case{~std::uint64_t{0}, 5, ""},
                        Case{2, 0, ""}}) {
    EXPECT_EQ(as_text(store->read(hash, c.offset, c.size).value()), c.expected) << c.offset;
  }
}

TEST(BlobStoreTest, what_is_not_there_is_not_found) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const ContentHash none = hash_of(to_bytes("never stored"));
  EXPECT_FALSE(store->has(none));
  EXPECT_EQ(store->read(none, 0, 1).error().code, Errc::not_found);
  EXPECT_EQ(store->size(none).error().code, Errc::not_found);
  EXPECT_EQ(store->remove(none).error().code, Errc::not_found);
}

TEST(BlobStoreTest, removed_is_gone) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const ContentHash hash = store_text(*store, "x");
  EXPECT_TRUE(store->remove(hash));
  EXPECT_FALSE(store->has(hash));
  EXPECT_TRUE(store->list().empty());
}

TEST(BlobStoreTest, an_abandoned_writer_leaves_nothing) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  {
    const auto writer = store->create().value();
    EXPECT_TRUE(writer->append(to_bytes("half")));
  }
  EXPECT_TRUE(fs::is_empty(folder.path() / "incoming"));
}

TEST(BlobStoreTest, leftovers_of_a_crash_are_removed_and_blobs_are_kept) {
  const ScratchFolder folder;
  const ContentHash hash = store_text(*BlobStore::open(folder.path()).value(), "kept");
  std::ofstream{folder.path() / "incoming" / "blob-crashed"} << "half";
  const auto store = BlobStore::open(folder.path()).value();
  EXPECT_TRUE(fs::is_empty(folder.path() / "incoming"));
  EXPECT_EQ(store->list(), std::vector{hash});
}

TEST(BlobStoreTest, another_content_than_expected_is_refused) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const auto writer = store->create().value();
  ASSERT_TRUE(writer->append(to_bytes("other")));
  const auto finished = writer->finish_as(hash_of(to_bytes("expected")));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::corrupt);
  EXPECT_TRUE(store->list().empty());
}

TEST(BlobPacketsTest, requests_survive_the_wire_and_cut_ones_are_refused) {
  const ContentHash hash = hash_of(to_bytes("x"));
  const std::vector<BlobRequest> requests{
      {.ask = BlobAsk::read, .hash = hash, .offset = 1ULL << 40, .size = 77, .address = {}},
      {.ask = BlobAsk::chunks, .hash = hash, .offset = 3, .size = 9, .address = {}},
      {.ask = BlobAsk::has, .hash = hash, .offset = 0, .size = 0, .address = {}},
      {.ask = BlobAsk::fetch, .hash = hash, .offset = 0, .size = 0, .address = "h:1"}};
  for (const auto& request : requests) {
    const Bytes bytes = encode_blob_request(request);
    EXPECT_EQ(decode_blob_request(bytes).value(), request);
    EXPECT_EQ(decode_blob_request(BytesView{bytes}.first(20)).error().code, Errc::corrupt);
  }
}

class BlobExchangeTest : public testing::Test {
 protected:
  tests::Loop loop_;
  BlobPeer a_{loop_, 1};
  BlobPeer b_{loop_, 2};
  BlobPeer c_{loop_, 3};
};

TEST_F(BlobExchangeTest, fetch_brings_blobs_of_any_size) {
  for (const std::size_t size : {std::size_t{0},
                                 std::size_t{1},
                                 kBlobPieceBytes - 1,
                                 kBlobPieceBytes,
                                 3 * kBlobPieceBytes + 17,
                                 2 * kChunkBytes,
                                 5 * kChunkBytes + 1}) {
    const std::string text = text_of(size);
    const ContentHash hash = store_text(*b_.store, text);
    const auto fetched = loop_.await(a_.exchange->fetch(hash, {b_.address}));
    ASSERT_TRUE(fetched) << size << " " << fetched.error().detail;
    EXPECT_EQ(as_text(a_.store->read(hash, 0, size + 1).value()), text);
  }
}

TEST_F(BlobExchangeTest, push_returns_when_the_peer_has_it) {
  const ContentHash hash = store_text(*a_.store, text_of(600000));
  EXPECT_FALSE(loop_.await(a_.exchange->peer_has(hash, b_.address)));
  const auto pushed = loop_.await(a_.exchange->push(hash, b_.address));
  ASSERT_TRUE(pushed) << pushed.error().detail;
  EXPECT_TRUE(b_.store->has(hash));
  EXPECT_TRUE(loop_.await(a_.exchange->peer_has(hash, b_.address)));
}

TEST_F(BlobExchangeTest, a_peer_without_the_blob_is_not_found) {
  const auto fetched = loop_.await(a_.exchange->fetch(hash_of(to_bytes("none")), {b_.address}));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Errc::not_found);
}

TEST_F(BlobExchangeTest, a_damaged_blob_is_never_given_and_its_holder_learns_it) {
  const ContentHash hash = store_text(*b_.store, text_of(600000));
  damage(*b_.store, hash, 300000);
  std::vector<ContentHash> found;
  b_.exchange->on_damage([&found](const ContentHash& blob) { found.push_back(blob); });
  const auto fetched = loop_.await(a_.exchange->fetch(hash, {b_.address}));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Errc::unavailable);
  EXPECT_NE(fetched.error().detail.find(hash.hex()), std::string::npos);
  EXPECT_FALSE(a_.store->has(hash));
  EXPECT_FALSE(b_.store->has(hash));
  EXPECT_EQ(found, std::vector{hash});
}

TEST_F(BlobExchangeTest, what_one_source_has_damaged_comes_from_another) {
  const std::string text = text_of(12 * kChunkBytes + 5);
  const ContentHash hash = store_text(*b_.store, text);
  store_text(*c_.store, text);
  damage(*b_.store, hash, 3 * kChunkBytes + 7);
  const auto fetched = loop_.await(a_.exchange->fetch(hash, {b_.address, c_.address}));
  ASSERT_TRUE(fetched) << fetched.error().detail;
  EXPECT_EQ(a_.store->read(hash, 0, text.size() + 1).value(), to_bytes(text));
}

TEST_F(BlobExchangeTest, a_source_that_dies_meanwhile_is_replaced_by_the_others) {
  const std::string text = text_of(40 * kChunkBytes);
  const ContentHash hash = store_text(*b_.store, text);
  store_text(*c_.store, text);
  asio::steady_timer death{loop_.io(), std::chrono::milliseconds{5}};
  death.async_wait([this](auto) { b_.exchange->stop(); });
  const auto fetched = loop_.await(a_.exchange->fetch(hash, {b_.address, c_.address}));
  ASSERT_TRUE(fetched) << fetched.error().detail;
  EXPECT_TRUE(a_.store->check(hash));
}

TEST_F(BlobExchangeTest, only_the_damaged_chunk_is_fetched_again) {
  const std::string text = text_of(5 * kChunkBytes);
  const ContentHash hash = store_text(*a_.store, text);
  const ContentHash same = store_text(*b_.store, text);
  ASSERT_EQ(hash, same);
  damage(*a_.store, hash, 4 * kChunkBytes);
  const auto checked = loop_.await(a_.exchange->check(hash));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::corrupt);
  EXPECT_FALSE(a_.store->has(hash));
  const auto list = b_.store->chunks(hash).value();
  EXPECT_EQ(a_.store->create_part(hash, list).value()->missing(), std::vector<std::size_t>{4});
  ASSERT_TRUE(loop_.await(a_.exchange->fetch(hash, {b_.address})));
  EXPECT_TRUE(loop_.await(a_.exchange->check(hash)));
  EXPECT_TRUE(a_.store->parts().empty());
}

TEST_F(BlobExchangeTest, a_source_that_fails_a_small_blob_is_followed_by_the_next) {
  const std::string text = text_of(600000);
  const ContentHash hash = store_text(*b_.store, text);
  store_text(*c_.store, text);
  damage(*b_.store, hash, 300000);
  const auto fetched = loop_.await(a_.exchange->fetch(hash, {b_.address, c_.address}));
  ASSERT_TRUE(fetched) << fetched.error().detail;
  EXPECT_TRUE(a_.store->check(hash));
}

TEST_F(BlobExchangeTest, a_disk_without_room_is_left_as_it_was) {
  const ContentHash hash = store_text(*b_.store, text_of(3 * kChunkBytes));
  std::uint64_t room = 2 * kChunkBytes;
  a_.exchange->set_room([&room] { return room; });
  EXPECT_EQ(loop_.await(a_.exchange->fetch(hash, {b_.address})).error().code, Errc::no_space);
  EXPECT_TRUE(a_.store->parts().empty());
  // What was enough at the beginning may not be so later.
  int asked = 0;
  a_.exchange->set_room([&asked] { return ++asked > 2 ? 0 : 3 * kChunkBytes; });
  EXPECT_EQ(loop_.await(a_.exchange->fetch(hash, {b_.address})).error().code, Errc::no_space);
  EXPECT_TRUE(a_.store->parts().empty());
  room = 3 * kChunkBytes;
  a_.exchange->set_room([&room] { return room; });
  EXPECT_TRUE(loop_.await(a_.exchange->fetch(hash, {b_.address})));
}

TEST(OnDisk, work_runs_beside_the_caller_and_its_value_and_its_throw_come_back) {
  tests::Loop loop;
  asio::thread_pool pool{1};
  std::thread::id worked_on;
  std::function<int()> work = [&worked_on] {
    worked_on = std::this_thread::get_id();
    return 7;
  };
  EXPECT_EQ(loop.await(on_disk(pool, std::move(work))), 7);
  EXPECT_NE(worked_on, std::thread::id{});
  EXPECT_NE(worked_on, std::this_thread::get_id());
  std::function<int()> fails = []() -> int { throw std::bad_alloc{}; };
  EXPECT_THROW(loop.await(on_disk(pool, std::move(fails))), std::bad_alloc);
  pool.join();
}

TEST_F(BlobExchangeTest, two_fetches_of_one_blob_are_one) {
  const ContentHash hash = store_text(*b_.store, text_of(3 * kChunkBytes));
  int ended = 0;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(loop_.io(),
                   a_.exchange->fetch(hash, {b_.address}),
                   [&ended](std::exception_ptr, const Result<>& fetched) {
                     EXPECT_TRUE(fetched);
                     ++ended;
                   });
  }
  EXPECT_TRUE(loop_.run_until([&ended] { return ended == 2; }));
}

TEST_F(BlobExchangeTest, scrubbing_finds_what_was_read_before) {
  const ContentHash hash = store_text(*a_.store, text_of(2 * kChunkBytes));
  ASSERT_TRUE(loop_.await(a_.exchange->check(hash)));
  EXPECT_TRUE(a_.store->is_checked(hash));
  damage(*a_.store, hash, kChunkBytes);
  EXPECT_TRUE(loop_.await(a_.exchange->check(hash))) << "read once while the process runs";
  EXPECT_EQ(loop_.await(a_.exchange->scrub(hash, 1ULL << 40)).error().code, Errc::corrupt);
  EXPECT_FALSE(a_.store->is_checked(hash));
}

TEST(ChunkListTest, survives_the_disk_and_nothing_else_is_taken_for_one) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{kChunkBytes}, std::size_t{kChunkBytes + 1}}) {
    ChunkHasher hasher;
    hasher.update(to_bytes(text_of(size)));
    const ChunkList list = hasher.finish();
    EXPECT_EQ(list.chunks.size(), (size + kChunkBytes - 1) / kChunkBytes);
    Bytes bytes = encode_chunk_list(list);
    EXPECT_EQ(decode_chunk_list(bytes).value(), list);
    EXPECT_FALSE(decode_chunk_list(BytesView{bytes}.first(bytes.size() - 1)));
    bytes[0] ^= std::byte{1};
    EXPECT_FALSE(decode_chunk_list(bytes));
  }
}

TEST(ChunkListTest, a_list_whose_count_is_not_of_its_size_is_refused) {
  const ChunkList wrong{.size = 5 * kChunkBytes, .chunks = {hash_of(to_bytes("one"))}};
  EXPECT_FALSE(decode_chunk_list(encode_chunk_list(wrong)));
}

TEST(BlobStoreTest, a_blob_of_an_earlier_version_gets_its_list_when_it_is_asked_for) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  const ContentHash hash = store_text(*store, text_of(kChunkBytes + 9));
  const ChunkList list = store->chunks(hash).value();
  const fs::path listed = store->path(hash).string() + ".chunks";
  ASSERT_TRUE(fs::remove(listed));
  EXPECT_EQ(store->chunks(hash).value(), list);
  EXPECT_TRUE(fs::exists(listed));

  std::ofstream{listed} << "damaged";
  EXPECT_EQ(store->chunks(hash).value(), list);
  fs::remove(listed);
  damage(*store, hash, 17);
  EXPECT_EQ(store->chunks(hash).error().code, Errc::corrupt);
}

TEST(BlobStoreTest, parts_outlive_a_restart_and_take_no_wrong_chunk) {
  const ScratchFolder folder;
  const std::string text = text_of(3 * kChunkBytes);
  ChunkHasher hasher;
  hasher.update(to_bytes(text));
  const ChunkList list = hasher.finish();
  const ContentHash hash = hash_of(to_bytes(text));
  const auto chunk = [&text](std::size_t at) {
    return to_bytes(std::string_view{text}.substr(at * kChunkBytes, kChunkBytes));
  };
  {
    const auto store = BlobStore::open(folder.path()).value();
    const auto part = store->create_part(hash, list).value();
    EXPECT_TRUE(part->put(1, chunk(1)));
    EXPECT_EQ(part->put(0, chunk(2)).error().code, Errc::corrupt);
    EXPECT_EQ(part->put(7, chunk(2)).error().code, Errc::corrupt);
  }
  const auto store = BlobStore::open(folder.path()).value();
  EXPECT_EQ(store->parts(), std::vector{hash});
  const auto part = store->create_part(hash, list).value();
  EXPECT_EQ(part->missing(), (std::vector<std::size_t>{0, 2}));
  EXPECT_TRUE(part->put(0, chunk(0)));
  EXPECT_TRUE(part->put(2, chunk(2)));
  EXPECT_TRUE(part->finish());
  EXPECT_TRUE(store->check(hash));
}

TEST(BlobStoreTest, a_part_by_the_list_of_other_content_is_thrown_away) {
  const ScratchFolder folder;
  const auto store = BlobStore::open(folder.path()).value();
  ChunkHasher hasher;
  hasher.update(to_bytes("other"));
  const ContentHash hash = hash_of(to_bytes("expected"));
  const auto part = store->create_part(hash, hasher.finish()).value();
  EXPECT_TRUE(part->put(0, to_bytes("other")));
  EXPECT_EQ(part->finish().error().code, Errc::corrupt);
  EXPECT_FALSE(store->has(hash));
  EXPECT_TRUE(store->parts().empty());
}

}  // namespace
}  // namespace starling::node
