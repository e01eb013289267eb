#include "node/blobs/blob_exchange.h"

#include "node/blobs/blob_fetch.h"
#include "node/blobs/blob_packets.h"
#include "node/net/pause.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace starling::node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDiskThreads = 4;
constexpr auto kAskPatience = 5s;
constexpr auto kPushPatience = std::chrono::minutes{10};

Error stopping() {
  return {Errc::unavailable, "this node is stopping"};
}

Bytes range_of(const Bytes& all, std::uint64_t offset, std::size_t size) {
  const std::uint64_t begin = std::min<std::uint64_t>(offset, all.size());
  const std::uint64_t end = std::min<std::uint64_t>(begin + size, all.size());
  return {all.begin() + static_cast<std::ptrdiff_t>(begin),
          all.begin() + static_cast<std::ptrdiff_t>(end)};
}

/// A chunk is checked when its first piece is read; the receiver checks all of it.
Result<Bytes> read_checked(BlobStore& store,
                           const ContentHash& hash,
                           std::uint64_t offset,
                           std::size_t size) {
  if (offset % kChunkBytes == 0) {
    const auto list = store.chunks(hash);
    if (!list) return list.error();
    const auto chunk = static_cast<std::size_t>(offset / kChunkBytes);
    const auto whole =
        chunk < list->chunks.size() ? store.check_chunk(hash, *list, chunk) : Result<>{};
    if (!whole) return whole.error();
  }
  return store.read(hash, offset, size);
}

Result<Bytes> answer_from(BlobStore& store, const BlobRequest& request) {
  const std::size_t size = std::min<std::size_t>(request.size, kBlobPieceBytes);
  if (request.ask == BlobAsk::has) return Bytes(1, std::byte{store.has(request.hash)});
  if (request.ask == BlobAsk::read) return read_checked(store, request.hash, request.offset, size);
  const auto list = store.chunks(request.hash);
  if (!list) return list.error();
  return range_of(encode_chunk_list(*list), request.offset, size);
}

}  // namespace

struct BlobExchange::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor executor, PeerLinks& peers, BlobStore& blobs, std::string address)
      : core(std::move(executor)), links(peers), store(blobs), own_address(std::move(address)) {}

  static asio::awaitable<Result<Bytes>> answer(std::shared_ptr<State> state, Bytes body);
  static asio::awaitable<Result<>> fetch(std::shared_ptr<State> state,
                                         ContentHash hash,
                                         std::vector<std::string> from,
                                         std::uint64_t bytes_per_second);
  static asio::awaitable<Result<>> fetch_alone(std::shared_ptr<State> state,
                                               ContentHash hash,
                                               std::vector<std::string> from,
                                               std::uint64_t bytes_per_second);
  static asio::awaitable<bool> is_here(std::shared_ptr<State> state, ContentHash hash);
  static asio::awaitable<void> set_aside(std::shared_ptr<State> state, ContentHash hash);

  asio::any_io_executor core;
  PeerLinks& links;
  BlobStore& store;
  std::string own_address;
  asio::thread_pool disk{kDiskThreads};
  std::function<void(const ContentHash&)> on_damage = [](const ContentHash&) {};
  std::function<std::uint64_t()> room = [] { return kBlobBytesMax; };
  std::map<ContentHash, std::shared_ptr<asio::steady_timer>> fetching;  ///< ends when it ends
  std::shared_ptr<bool> stopped = std::make_shared<bool>(false);
};

asio::awaitable<Result<Bytes>> BlobExchange::State::answer(std::shared_ptr<State> state,
                                                           Bytes body) {
  const auto request = decode_blob_request(body);
  if (!request) co_return request.error();
  if (*state->stopped) co_return stopping();
  if (request->ask == BlobAsk::fetch) {
    std::vector<std::string> from{request->address};
    const auto fetched = co_await fetch(state, request->hash, std::move(from), 0);
    if (!fetched) co_return fetched.error();
    co_return Bytes{};
  }
  BlobStore& store = state->store;
  std::function<Result<Bytes>()> read = [&store, request = *request] {
    return answer_from(store, request);
  };
  const auto answer = co_await on_disk(state->disk, std::move(read));
  if (!answer && answer.error().code == Errc::corrupt) {
    co_await set_aside(state, request->hash);
    co_return Error{Errc::unavailable, answer.error().detail};  // to be asked of another
  }
  co_return answer;
}

asio::awaitable<void> BlobExchange::State::set_aside(std::shared_ptr<State> state,
                                                     ContentHash hash) {
  if (*state->stopped) co_return;
  BlobStore& store = state->store;
  std::function<Result<>()> move = [&store, hash] { return store.set_aside(hash); };
  const auto moved = co_await on_disk(state->disk, std::move(move));
  if (moved && !*state->stopped) state->on_damage(hash);
}

asio::awaitable<bool> BlobExchange::State::is_here(std::shared_ptr<State> state, ContentHash hash) {
  BlobStore& store = state->store;
  std::function<bool()> look = [&store, hash] {
    const bool has = store.has(hash);
    if (has) store.note_needed(hash);  // who asked for it is about to refer to it
    return has;
  };
  co_return co_await on_disk(state->disk, std::move(look));
}

asio::awaitable<Result<>> BlobExchange::State::fetch(std::shared_ptr<State> state,
                                                     ContentHash hash,
                                                     std::vector<std::string> from,
                                                     std::uint64_t bytes_per_second) {
  for (;;) {
    if (*state->stopped) co_return stopping();
    const bool has = co_await is_here(state, hash);
    if (has) co_return Result<>{};
    if (*state->stopped) co_return stopping();
    const auto other = state->fetching.find(hash);
    if (other == state->fetching.end()) break;
    const auto ended = other->second;
    co_await ended->async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return co_await fetch_alone(state, hash, std::move(from), bytes_per_second);
}

asio::awaitable<Result<>> BlobExchange::State::fetch_alone(std::shared_ptr<State> state,
                                                           ContentHash hash,
                                                           std::vector<std::string> from,
                                                           std::uint64_t bytes_per_second) {
  const auto ended =
      std::make_shared<asio::steady_timer>(state->core, asio::steady_timer::time_point::max());
  state->fetching.emplace(hash, ended);
  const auto release = [&state, hash, ended](void*) {
    state->fetching.erase(hash);
    ended->cancel();
  };
  const std::unique_ptr<void, decltype(release)> released{state.get(), release};  // also by a throw
  BlobFetchParts parts{.core = state->core,
                       .links = state->links,
                       .store = state->store,
                       .disk = state->disk,
                       .room = state->room,
                       .is_stopped = state->stopped};
  const auto fetch = std::make_shared<BlobFetch>(std::move(parts), hash, bytes_per_second);
  co_return co_await fetch->run(std::move(from));
}

BlobExchange::BlobExchange(asio::any_io_executor core,
                           PeerLinks& links,
                           BlobStore& store,
                           std::string own_address)
    : state_(std::make_shared<State>(std::move(core), links, store, std::move(own_address))) {
  const auto state = state_;
  links.on_request(Channel::blobs,
                   [state](NodeId, Bytes body) { return State::answer(state, std::move(body)); });
}

BlobExchange::~BlobExchange() {
  stop();
}

void BlobExchange::on_damage(std::function<void(const ContentHash&)> handler) {
  state_->on_damage = std::move(handler);
}

void BlobExchange::set_room(std::function<std::uint64_t()> room) {
  state_->room = std::move(room);
}

asio::awaitable<Result<>> BlobExchange::fetch(ContentHash hash,
                                              std::vector<std::string> from,
                                              std::uint64_t bytes_per_second) {
  return State::fetch(state_, hash, std::move(from), bytes_per_second);
}

asio::awaitable<bool> BlobExchange::peer_has(ContentHash hash, std::string address) {
  const auto state = state_;
  const BlobRequest request{
      .ask = BlobAsk::has, .hash = hash, .offset = 0, .size = 0, .address = {}};
  Bytes body = encode_blob_request(request);
  const auto answer =
      co_await state->links.call(std::move(address), Channel::blobs, std::move(body), kAskPatience);
  co_return answer && answer->size() == 1 && (*answer)[0] == std::byte{1};
}

asio::awaitable<Result<>> BlobExchange::push(ContentHash hash, std::string to_address) {
  const auto state = state_;
  const BlobRequest request{
      .ask = BlobAsk::fetch, .hash = hash, .offset = 0, .size = 0, .address = state->own_address};
  Bytes body = encode_blob_request(request);
  const auto answer = co_await state->links.call(
      std::move(to_address), Channel::blobs, std::move(body), kPushPatience);
  if (!answer) co_return answer.error();
  co_return Result<>{};
}

asio::awaitable<Result<>> BlobExchange::check(ContentHash hash) {
  const auto state = state_;
  if (*state->stopped) co_return stopping();
  BlobStore& store = state->store;
  std::function<Result<>()> read = [&store, hash] { return store.check(hash); };
  const auto checked = co_await on_disk(state->disk, std::move(read));
  if (!checked && checked.error().code == Errc::corrupt) co_await State::set_aside(state, hash);
  co_return checked;
}

asio::awaitable<Result<>> BlobExchange::scrub(ContentHash hash, std::uint64_t bytes_per_second) {
  const auto state = state_;
  BlobStore& store = state->store;
  std::function<Result<ChunkList>()> look = [&store, hash] { return store.chunks(hash); };
  if (*state->stopped) co_return stopping();
  const auto list = co_await on_disk(state->disk, std::move(look));
  Result<> whole = list ? Result<>{} : Result<>{list.error()};
  for (std::size_t chunk = 0; whole && chunk < list->chunks.size(); ++chunk) {
    const std::chrono::milliseconds breath{kChunkBytes * 1000 / bytes_per_second};
    co_await pause(breath);
    if (*state->stopped) co_return stopping();
    std::function<Result<>()> read = [&store, hash, chunk, list = *list] {
      return store.check_chunk(hash, list, chunk);
    };
    whole = co_await on_disk(state->disk, std::move(read));
  }
  if (!whole && whole.error().code == Errc::corrupt) co_await State::set_aside(state, hash);
  co_return whole;
}

void BlobExchange::stop() {
  if (std::exchange(*state_->stopped, true)) return;
  state_->store.stop();
  state_->disk.join();  // What it works on refers to the store.
}

}  // namespace starling::node
