#include "node/blobs/blob_fetch.h"

#include "node/blobs/blob_exchange.h"
#include "node/net/pause.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starling::node {
namespace {

using namespace std::chrono_literals;

constexpr auto kPiecePatience = 10s;
constexpr std::size_t kChunkListBytesMax = kBlobBytesMax / kChunkBytes * sizeof(ContentHash) + 64;
constexpr std::size_t kChunksPerSource = 4;  // fewer are not worth another source

Error stopping() {
  return {Errc::unavailable, "this node is stopping"};
}

Error no_room(std::uint64_t bytes) {
  return {Errc::no_space,
          fmt::format("the disk has no room for a file of {} MB beside what is kept for results "
                      "(--disk-reserve)",
                      bytes >> 20)};
}

std::size_t sources_for(const ChunkList& list) {
  return std::clamp(list.chunks.size() / kChunksPerSource, std::size_t{1}, kBlobSourcesMax);
}

}  // namespace

BlobFetch::BlobFetch(BlobFetchParts parts, ContentHash hash, std::uint64_t bytes_per_second)
    : parts_(std::move(parts)),
      hash_(hash),
      bytes_per_second_(bytes_per_second),
      all_pulled_(parts_.core),
      last_error_{Errc::not_found, "no member was asked"} {}

asio::awaitable<Result<>> BlobFetch::run(std::vector<std::string> from) {
  const auto self = shared_from_this();
  untried_.assign(from.begin(), from.end());
  auto fetched = co_await fetch_by_list();
  for (const std::string& source : older_) {
    const bool is_full = !fetched && fetched.error().code == Errc::no_space;
    if (fetched || is_full || *parts_.is_stopped) break;
    fetched = co_await fetch_whole(source);
  }
  co_return fetched;
}

/// Until some of the nodes have given all of it, or nobody is left to ask.
asio::awaitable<Result<>> BlobFetch::fetch_by_list() {
  while (!untried_.empty()) {
    if (*parts_.is_stopped) co_return stopping();
    sources_.clear();
    co_await find_sources();
    if (sources_.empty()) break;
    const auto fetched = co_await fetch_chunks();
    if (fetched) co_return fetched;
    last_error_ = fetched.error();
    if (last_error_.code == Errc::no_space) {
      drop_part();
      break;
    }
  }
  co_return last_error_;
}

/// A disk without room is not to be filled by what can be fetched again. A damaged copy may be the
/// only one.
void BlobFetch::drop_part() {
  if (part_ && part_->had_some()) return;
  part_.reset();
  static_cast<void>(parts_.store.remove_part(hash_));
}

/// The first list that comes is believed until the whole content has another hash.
asio::awaitable<void> BlobFetch::find_sources() {
  while (!untried_.empty() && !*parts_.is_stopped) {
    const std::string address = std::move(untried_.front());
    untried_.pop_front();
    auto list = co_await ask_list(address);
    if (list && (sources_.empty() || *list == list_)) {
      list_ = std::move(*list);
      sources_.push_back(address);
      if (sources_.size() >= sources_for(list_)) co_return;
    } else if (!list) {
      if (list.error().code == Errc::corrupt) older_.push_back(address);
      last_error_ = list.error();
    }
  }
}

asio::awaitable<Result<Bytes>> BlobFetch::ask_piece(std::string address, BlobRequest request) {
  if (*parts_.is_stopped) co_return stopping();
  Bytes body = encode_blob_request(request);
  auto piece = co_await parts_.links.call(address, Channel::blobs, std::move(body), kPiecePatience);
  if (*parts_.is_stopped) co_return stopping();
  if (piece && piece->size() > kBlobPieceBytes)
    co_return Error{Errc::corrupt,
                    fmt::format("{} sent a piece of {} bytes", address, piece->size())};
  co_return piece;
}

asio::awaitable<Result<ChunkList>> BlobFetch::ask_list(std::string address) {
  BlobRequest request{
      .ask = BlobAsk::chunks, .hash = hash_, .offset = 0, .size = kBlobPieceBytes, .address = {}};
  Bytes encoded;
  for (;;) {
    const auto piece = co_await ask_piece(address, request);
    if (!piece) co_return piece.error();
    append(encoded, *piece);
    request.offset += piece->size();
    if (encoded.size() > kChunkListBytesMax)
      co_return Error{Errc::too_large, fmt::format("{} sent a list without end", address)};
    if (piece->size() < kBlobPieceBytes) co_return decode_chunk_list(encoded);
  }
}

asio::awaitable<Result<BlobFetch::Part>> BlobFetch::open_part() {
  BlobStore& store = parts_.store;
  std::function<Result<Part>()> open = [&store, hash = hash_, list = list_] {
    return store.create_part(hash, list);
  };
  co_return co_await on_disk(parts_.disk, std::move(open));
}

asio::awaitable<Result<>> BlobFetch::fetch_chunks() {
  auto part = co_await open_part();
  if (!part) co_return part.error();
  part_ = std::move(*part);
  todo_.assign(part_->missing().begin(), part_->missing().end());
  if (parts_.room() < todo_.size() * kChunkBytes) co_return no_room(list_.size);
  while (!todo_.empty()) {
    if (sources_.empty()) co_return last_error_;
    all_pulled_.expires_at(asio::steady_timer::time_point::max());
    pulling_ = sources_.size();
    for (const std::string& source : std::vector{sources_})
      spawn(parts_.core, pull(source));
    co_await all_pulled_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (*parts_.is_stopped) co_return stopping();
  }
  std::function<Result<>()> finish = [part = part_] { return part->finish(); };
  co_return co_await on_disk(parts_.disk, std::move(finish));
}

/// Until nothing is left to do, or `source` fails: another one gets that chunk.
asio::awaitable<void> BlobFetch::pull(std::string source) {
  const auto self = shared_from_this();
  while (!todo_.empty()) {
    const std::size_t chunk = todo_.front();
    todo_.pop_front();
    const auto fetched = co_await fetch_chunk(source, chunk);
    if (fetched) {
      co_await rest(list_.size_of(chunk));
      continue;
    }
    todo_.push_front(chunk);
    last_error_ = fetched.error();
    std::erase(sources_, source);
    break;
  }
  if (--pulling_ == 0) all_pulled_.cancel();
}

asio::awaitable<Result<>> BlobFetch::fetch_chunk(std::string source, std::size_t chunk) {
  if (parts_.room() < kChunkBytes) co_return no_room(list_.size);
  auto bytes = co_await ask_chunk(source, chunk);
  if (!bytes) co_return bytes.error();
  std::function<Result<>()> put = [part = part_, chunk, bytes = std::move(*bytes)] {
    return part->put(chunk, bytes);
  };
  auto kept = co_await on_disk(parts_.disk, std::move(put));
  if (!kept && kept.error().code == Errc::corrupt) {
    co_return Error{Errc::corrupt,
                    fmt::format("{} sent blob {}: {}", source, hash_.hex(), kept.error().detail)};
  }
  co_return kept;
}

asio::awaitable<Result<Bytes>> BlobFetch::ask_chunk(std::string address, std::size_t chunk) {
  const std::uint64_t size = list_.size_of(chunk);
  Bytes bytes;
  while (bytes.size() < size) {
    const BlobRequest request{.ask = BlobAsk::read,
                              .hash = hash_,
                              .offset = chunk * kChunkBytes + bytes.size(),
                              .size = kBlobPieceBytes,
                              .address = {}};
    const auto piece = co_await ask_piece(address, request);
    if (!piece) co_return piece.error();
    const auto fits = std::min<std::uint64_t>(piece->size(), size - bytes.size());
    if (fits == 0) co_return Error{Errc::corrupt, fmt::format("{} sent no more", address)};
    append(bytes, BytesView{*piece}.first(static_cast<std::size_t>(fits)));
  }
  co_return bytes;
}

asio::awaitable<Result<>> BlobFetch::fetch_whole(std::string source) {
  BlobStore& store = parts_.store;
  std::function<Result<Writer>()> start = [&store]() -> Result<Writer> {
    auto writer = store.create();
    if (!writer) return writer.error();
    return Writer{std::move(*writer)};
  };
  const auto writer = co_await on_disk(parts_.disk, std::move(start));
  if (!writer) co_return writer.error();
  auto appended = co_await append_pieces(source, *writer);
  if (!appended) co_return appended;
  std::function<Result<>()> finish = [writer = *writer, hash = hash_] {
    return writer->finish_as(hash);
  };
  co_return co_await on_disk(parts_.disk, std::move(finish));
}

asio::awaitable<Result<>> BlobFetch::append_pieces(std::string source, Writer writer) {
  BlobRequest request{
      .ask = BlobAsk::read, .hash = hash_, .offset = 0, .size = kBlobPieceBytes, .address = {}};
  for (;;) {
    auto piece = co_await ask_piece(source, request);
    if (!piece) co_return piece.error();
    const std::size_t size = piece->size();
    request.offset += size;
    std::function<Result<>()> append = [writer, bytes = std::move(*piece)] {
      return writer->append(bytes);
    };
    auto appended = co_await on_disk(parts_.disk, std::move(append));
    if (!appended || size < kBlobPieceBytes) co_return appended;
  }
}

/// As long as all sources together need for so much at the rate.
asio::awaitable<void> BlobFetch::rest(std::uint64_t bytes) {
  if (bytes_per_second_ == 0) co_return;
  const std::uint64_t shared = bytes * std::max<std::size_t>(sources_.size(), 1);
  const std::chrono::milliseconds share{shared * 1000 / bytes_per_second_};
  co_await pause(share);
}

}  // namespace starling::node
