// A node as far as blobs are concerned: a store in a folder, served over real sockets.
#pragma once

#include "node/blobs/blob_exchange.h"
#include "tests/node/loop.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/test_trust.h"

#include <fstream>

namespace starling::tests {

inline ContentHash store_text(node::BlobStore& store, std::string_view text) {
  auto writer = store.create().value();
  writer->append(to_bytes(text)).value();
  return writer->finish().value();
}

/// No chunk is like another.
inline std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(i * 31 + i / 1000);
  return text;
}

/// Changes one byte on the disk.
inline void damage(const node::BlobStore& store, const ContentHash& hash, std::uint64_t offset) {
  std::fstream file{store.path(hash), std::ios::in | std::ios::out | std::ios::binary};
  file.seekg(static_cast<std::streamoff>(offset));
  const auto old = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(old ^ 1));
}

struct BlobPeer {
  BlobPeer(Loop& loop, std::uint8_t number) : id(keyed_node(number)), trust(trust_of(number)) {
    auto listener = loop.listen();
    address = address_of(listener);
    SwarmId swarm;
    swarm.bytes[0] = 1;
    links = std::make_unique<node::PeerLinks>(std::move(listener), *trust, node::PeerLinksLimits{});
    links->set_swarm(swarm);
    store = node::BlobStore::open(folder.path()).value();
    exchange =
        std::make_unique<node::BlobExchange>(loop.io().get_executor(), *links, *store, address);
    links->start();
  }

  ScratchFolder folder;
  std::string address;
  NodeId id;
  std::unique_ptr<node::Trust> trust;
  std::unique_ptr<node::PeerLinks> links;
  std::unique_ptr<node::BlobStore> store;
  std::unique_ptr<node::BlobExchange> exchange;
};

}  // namespace starling::tests
