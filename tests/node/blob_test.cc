#include "node/blobs/blob_exchange.h"
#include "node/blobs/blob_packets.h"
#include "node/blobs/blob_store.h"
#include "tests/node/loop.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/test_trust.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace starling::node {
namespace {

using tests::address_of;
using tests::ScratchFolder;
namespace fs = std::filesystem;

ContentHash store_text(BlobStore& store, std::string_view text) {
  auto writer = store.create().value();
  writer->append(to_bytes(text)).value();
  return writer->finish().value();
}

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(i * 31 + i / 1000);
  return text;
}

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
      {.ask = BlobAsk::has, .hash = hash, .offset = 0, .size = 0, .address = {}},
      {.ask = BlobAsk::fetch, .hash = hash, .offset = 0, .size = 0, .address = "h:1"}};
  for (const auto& request : requests) {
    const Bytes bytes = encode_blob_request(request);
    EXPECT_EQ(decode_blob_request(bytes).value(), request);
    EXPECT_EQ(decode_blob_request(BytesView{bytes}.first(20)).error().code, Errc::corrupt);
  }
}

struct BlobNode {
  BlobNode(tests::Loop& loop, std::uint8_t name) : trust(tests::trust_of(name)) {
    auto listener = loop.listen();
    address = address_of(listener);
    SwarmId swarm;
    swarm.bytes[0] = 1;
    links = std::make_unique<PeerLinks>(std::move(listener), *trust, PeerLinksLimits{});
    links->set_swarm(swarm);
    store = BlobStore::open(folder.path()).value();
    exchange = std::make_unique<BlobExchange>(loop.io().get_executor(), *links, *store, address);
    links->start();
  }

  ScratchFolder folder;
  std::string address;
  std::unique_ptr<Trust> trust;
  std::unique_ptr<PeerLinks> links;
  std::unique_ptr<BlobStore> store;
  std::unique_ptr<BlobExchange> exchange;
};

class BlobExchangeTest : public testing::Test {
 protected:
  tests::Loop loop_;
  BlobNode a_{loop_, 1};
  BlobNode b_{loop_, 2};
};

TEST_F(BlobExchangeTest, fetch_brings_blobs_of_any_size) {
  for (const std::size_t size : {std::size_t{0},
                                 std::size_t{1},
                                 kBlobPieceBytes - 1,
                                 kBlobPieceBytes,
                                 3 * kBlobPieceBytes + 17}) {
    const std::string text = text_of(size);
    const ContentHash hash = store_text(*b_.store, text);
    const auto fetched = loop_.await(a_.exchange->fetch(hash, b_.address));
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
  const auto fetched = loop_.await(a_.exchange->fetch(hash_of(to_bytes("none")), b_.address));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Errc::not_found);
}

TEST_F(BlobExchangeTest, a_damaged_blob_is_refused_and_not_kept) {
  const ContentHash hash = store_text(*b_.store, text_of(600000));
  {
    std::fstream file{b_.store->path(hash), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(300000);
    file.put('!');
    file.put('?');
  }
  const auto fetched = loop_.await(a_.exchange->fetch(hash, b_.address));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Errc::corrupt);
  EXPECT_NE(fetched.error().detail.find(hash.hex()), std::string::npos);
  EXPECT_FALSE(a_.store->has(hash));
  EXPECT_TRUE(loop_.run_until([this] { return fs::is_empty(a_.folder.path() / "incoming"); }));
}

}  // namespace
}  // namespace starling::node
