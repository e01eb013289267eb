#include "node/blobs/blob_exchange.h"

#include "node/blobs/blob_packets.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace starling::node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDiskThreads = 2;
constexpr auto kPiecePatience = 10s;
constexpr auto kAskPatience = 5s;
constexpr auto kPushPatience = std::chrono::minutes{10};

// Runs blocking `work` on the pool and comes back to the core thread with its value.
template <class T>
asio::awaitable<T> on_disk(asio::thread_pool& pool,
                           asio::any_io_executor core,
                           std::function<T()> work) {
  co_await asio::post(pool, asio::use_awaitable);
  T value = work();
  co_await asio::post(core, asio::use_awaitable);
  co_return value;
}

Error stopping() {
  return {Errc::unavailable, "this node is stopping"};
}

}  // namespace

struct BlobExchange::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor executor, PeerLinks& peers, BlobStore& blobs, std::string address)
      : core(std::move(executor)), links(peers), store(blobs), own_address(std::move(address)) {}

  using Writer = std::shared_ptr<BlobWriter>;

  static asio::awaitable<Result<Bytes>> answer(std::shared_ptr<State> state, Bytes body);
  static asio::awaitable<Result<>> fetch(std::shared_ptr<State> state,
                                         ContentHash hash,
                                         std::string from);
  static asio::awaitable<Result<>> fetch_pieces(std::shared_ptr<State> state,
                                                ContentHash hash,
                                                std::string from,
                                                Writer writer);
  static asio::awaitable<Result<>> keep(std::shared_ptr<State> state,
                                        ContentHash hash,
                                        std::string from,
                                        Writer writer);

  asio::any_io_executor core;
  PeerLinks& links;
  BlobStore& store;
  std::string own_address;
  asio::thread_pool disk{kDiskThreads};
  bool stopped = false;
};

asio::awaitable<Result<Bytes>> BlobExchange::State::answer(std::shared_ptr<State> state,
                                                           Bytes body) {
  const auto request = decode_blob_request(body);
  if (!request) co_return request.error();
  if (state->stopped) co_return stopping();
  const ContentHash hash = request->hash;
  if (request->ask == BlobAsk::fetch) {
    const auto fetched = co_await fetch(state, hash, request->address);
    if (!fetched) co_return fetched.error();
    co_return Bytes{};
  }
  BlobStore& store = state->store;
  if (request->ask == BlobAsk::has) {
    std::function<bool()> look = [&store, hash] { return store.has(hash); };
    const bool has = co_await on_disk(state->disk, state->core, std::move(look));
    co_return Bytes(1, std::byte{has});
  }
  const std::uint64_t offset = request->offset;
  const std::size_t size = std::min<std::size_t>(request->size, kBlobPieceBytes);
  std::function<Result<Bytes>()> read = [&store, hash, offset, size] {
    return store.read(hash, offset, size);
  };
  co_return co_await on_disk(state->disk, state->core, std::move(read));
}

asio::awaitable<Result<>> BlobExchange::State::fetch(std::shared_ptr<State> state,
                                                     ContentHash hash,
                                                     std::string from) {
  if (state->stopped) co_return stopping();
  BlobStore& store = state->store;
  using Start = std::pair<bool, Result<Writer>>;
  std::function<Start()> start = [&store, hash]() -> Start {
    if (store.has(hash)) return {true, Writer{}};
    auto writer = store.create();
    if (!writer) return {false, writer.error()};
    return {false, Writer{std::move(*writer)}};
  };
  const Start started = co_await on_disk(state->disk, state->core, std::move(start));
  if (started.first) co_return Result<>{};
  if (!started.second) co_return started.second.error();

  const Writer writer = *started.second;
  const auto pieces = co_await fetch_pieces(state, hash, from, writer);
  if (!pieces) co_return pieces.error();
  co_return co_await keep(state, hash, from, writer);
}

asio::awaitable<Result<>> BlobExchange::State::fetch_pieces(std::shared_ptr<State> state,
                                                            ContentHash hash,
                                                            std::string from,
                                                            Writer writer) {
  BlobRequest request{
      .ask = BlobAsk::read, .hash = hash, .offset = 0, .size = kBlobPieceBytes, .address = {}};
  for (;;) {
    Bytes body = encode_blob_request(request);
    if (state->stopped) co_return stopping();
    auto piece = co_await state->links.call(from, Channel::blobs, std::move(body), kPiecePatience);
    if (!piece) co_return piece.error();
    if (state->stopped) co_return stopping();
    const std::size_t size = piece->size();
    if (size > kBlobPieceBytes)
      co_return Error{Errc::corrupt, fmt::format("{} sent a piece of {} bytes", from, size)};
    if (size == 0) co_return Result<>{};

    std::function<Result<>()> append = [writer, bytes = std::move(*piece)] {
      return writer->append(bytes);
    };
    const auto appended = co_await on_disk(state->disk, state->core, std::move(append));
    if (!appended) co_return appended.error();
    request.offset += size;
    if (size < kBlobPieceBytes) co_return Result<>{};
  }
}

asio::awaitable<Result<>> BlobExchange::State::keep(std::shared_ptr<State> state,
                                                    ContentHash hash,
                                                    std::string from,
                                                    Writer writer) {
  if (state->stopped) co_return stopping();
  std::function<Result<>()> finish = [writer, hash, from]() -> Result<> {
    const auto finished = writer->finish_as(hash);
    if (finished || finished.error().code != Errc::corrupt) return finished;
    return Error{Errc::corrupt, fmt::format("{} sent {}", from, finished.error().detail)};
  };
  co_return co_await on_disk(state->disk, state->core, std::move(finish));
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

asio::awaitable<Result<>> BlobExchange::fetch(ContentHash hash, std::string from_address) {
  return State::fetch(state_, hash, std::move(from_address));
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

void BlobExchange::stop() {
  if (std::exchange(state_->stopped, true)) return;
  state_->disk.join();  // What it works on refers to the store.
}

}  // namespace starling::node
