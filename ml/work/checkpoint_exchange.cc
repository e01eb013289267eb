#include "ml/work/checkpoint_exchange.h"

#include "ml/work/checkpoint_file.h"
#include "node/base/clock.h"
#include "node/blobs/blob_files.h"
#include "node/blobs/blob_placement.h"
#include "node/net/on_disk.h"
#include "node/net/pause.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <utility>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kFindPatience = 2s;
constexpr auto kPiecePatience = 5s;
constexpr auto kOfferPatience = 15s;
constexpr auto kPullPause = 20ms;
constexpr std::size_t kHashBytes = sizeof(ContentHash::bytes);

Error stopping() {
  return {Errc::unavailable, "this node is stopping"};
}

std::string words_of(const WorkName& work) {
  return work.trial ? fmt::format("trial {} of study {}", *work.trial, work.study)
                    : fmt::format("the final fit of study {}", work.study);
}

Error none_here(const WorkName& work) {
  return {Errc::not_found, fmt::format("there is no checkpoint of {} here", words_of(work))};
}

/// Of an open file: its size, and the hash that it ends with.
std::optional<CheckpointFound> look_at(int file) {
  struct stat facts {};

  if (file < 0 || ::fstat(file, &facts) != 0) return std::nullopt;
  CheckpointFound found{.epoch = 0, .bytes = static_cast<std::uint64_t>(facts.st_size), .hash = {}};
  if (found.bytes < kHashBytes) return std::nullopt;
  const auto bytes = std::as_writable_bytes(std::span{found.hash.bytes});
  if (!node::read_fully(file, found.bytes - kHashBytes, bytes)) return std::nullopt;
  return found;
}

/// Who gets it looks whether it is whole.
std::optional<CheckpointFound> found_at(const fs::path& path) {
  const auto epoch = claimed_checkpoint_epoch(path);
  const node::OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  auto found = look_at(file.get());
  if (!epoch || !found) return std::nullopt;
  found->epoch = *epoch;
  return found;
}

/// Only of the very file that was found: another may have taken its name.
Result<Bytes> read_piece(const fs::path& path, const CheckpointRequest& request) {
  const node::OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const auto found = look_at(file.get());
  if (!found || found->hash != request.hash) return none_here(request.work);
  if (request.offset >= found->bytes) return Bytes{};
  Bytes piece(static_cast<std::size_t>(
      std::min<std::uint64_t>(kCheckpointPieceBytes, found->bytes - request.offset)));
  if (auto read = node::read_fully(file.get(), request.offset, piece); !read) return read.error();
  return piece;
}

Result<> append_piece(const fs::path& path, std::uint64_t offset, const Bytes& piece) {
  const int flags = O_WRONLY | O_CLOEXEC | (offset == 0 ? O_CREAT | O_TRUNC : 0);
  const node::OpenFile file{::open(path.c_str(), flags, 0600)};
  if (file.get() < 0) return Error{Errc::io, fmt::format("{} cannot be written", path.string())};
  return node::write_fully(file.get(), offset, piece);
}

/// What did not come whole is removed.
Result<> keep_pulled(const Result<>& came,
                     const fs::path& pulled,
                     const fs::path& path,
                     std::uint32_t epoch) {
  Result<> kept = came;
  if (came && checkpoint_epoch(pulled) != epoch)
    kept = Error{Errc::corrupt, "a checkpoint came damaged, or is another by now"};
  if (kept) kept = place_checkpoint(pulled, path);
  std::error_code ignored;
  if (!kept) fs::remove(pulled, ignored);
  return kept;
}

}  // namespace

CheckpointExchange::CheckpointExchange(node::PeerLinks& links,
                                       const CheckpointFiles& files,
                                       CheckpointSources sources,
                                       Logger log)
    : links_(links), files_(files), sources_(std::move(sources)), log_(std::move(log)) {}

CheckpointExchange::~CheckpointExchange() {
  stop();
}

void CheckpointExchange::stop() {
  if (std::exchange(*stopped_, true)) return;
  disk_.join();
}

/// The first in rendezvous order is the one to keep a copy.
std::vector<NodeId> CheckpointExchange::keepers(const WorkName& work) const {
  std::vector<node::BlobNode> nodes;
  for (const auto& member : sources_.members()) {
    const bool is_there = member.id != sources_.self && member.state == node::MemberState::alive;
    if (!is_there || sources_.is_leaving(member.id)) continue;
    nodes.push_back({.id = member.id, .domain = ""});
  }
  node::BlobPlacement placement;
  placement.set_nodes(std::move(nodes));
  return placement.holders(hash_of(to_bytes(words_of(work))));
}

std::optional<std::string> CheckpointExchange::address_of(NodeId node) const {
  for (const auto& member : sources_.members())
    if (member.id == node && member.state == node::MemberState::alive) return member.facts.address;
  return std::nullopt;
}

asio::awaitable<Result<Bytes>> CheckpointExchange::answer(Bytes body) {
  auto request = decode_checkpoint_request(body);
  if (!request) co_return request.error();
  if (*stopped_) co_return stopping();
  if (request->ask == CheckpointAsk::find) co_return co_await answer_find(request->work);
  if (request->ask == CheckpointAsk::read) co_return co_await answer_read(std::move(*request));
  if (request->ask == CheckpointAsk::yield) {
    if (sources_.on_yield(request->token, request->thief)) co_return Bytes{};
    co_return Error{Errc::conflict, fmt::format("{} cannot move", words_of(request->work))};
  }
  const auto taken = co_await take(request->work, request->address, request->epoch);
  if (!taken) co_return taken.error();
  co_return Bytes{};
}

asio::awaitable<Result<Bytes>> CheckpointExchange::answer_find(WorkName work) {
  std::function<std::optional<CheckpointFound>()> look =
      [path = files_.path(work.study, work.trial)] { return found_at(path); };
  const auto found = co_await node::on_disk(disk_, std::move(look));
  if (!found) co_return none_here(work);
  co_return encode(*found);
}

asio::awaitable<Result<Bytes>> CheckpointExchange::answer_read(CheckpointRequest request) {
  const fs::path path = files_.path(request.work.study, request.work.trial);
  std::function<Result<Bytes>()> read = [path, request] { return read_piece(path, request); };
  co_return co_await node::on_disk(disk_, std::move(read));
}

asio::awaitable<std::uint32_t> CheckpointExchange::epoch_here(WorkName work) {
  std::function<std::uint32_t()> look = [path = files_.path(work.study, work.trial)] {
    return checkpoint_epoch(path).value_or(0);
  };
  co_return co_await node::on_disk(disk_, std::move(look));
}

/// A copy for another node.
asio::awaitable<Result<>> CheckpointExchange::take(WorkName work,
                                                   std::string address,
                                                   std::uint32_t epoch) {
  const Error busy{Errc::conflict, fmt::format("{} runs here", words_of(work))};
  const Error full{Errc::no_space, "this node's disk has no room for checkpoints of others"};
  if (sources_.runs_here(work)) co_return busy;
  if (!sources_.has_room()) co_return full;
  const auto here = co_await epoch_here(work);
  if (here >= epoch) co_return Result<>{};
  const auto found = co_await find(work, address);
  if (!found) co_return found.error();
  Offer offer{.address = std::move(address), .found = *found};
  co_return co_await pull(std::move(work), std::move(offer));
}

asio::awaitable<Result<Bytes>> CheckpointExchange::ask(std::string address,
                                                       CheckpointRequest request,
                                                       std::chrono::milliseconds patience) {
  Bytes body = encode(request);
  co_return co_await links_.call(
      std::move(address), node::Channel::work, std::move(body), patience);
}

asio::awaitable<Result<CheckpointFound>> CheckpointExchange::find(WorkName work,
                                                                  std::string address) {
  CheckpointRequest request;
  request.work = std::move(work);
  const auto answer = co_await ask(std::move(address), std::move(request), kFindPatience);
  if (!answer) co_return answer.error();
  co_return decode_checkpoint_found(*answer);
}

/// One at a time: the one before may bring the same.
asio::awaitable<bool> CheckpointExchange::may_pull(WorkName work) {
  const MonoTime deadline = mono_now() + kOfferPatience;
  while (pulling_->contains(work) && mono_now() < deadline && !*stopped_)
    co_await node::pause(kPullPause);
  co_return !*stopped_ && !pulling_->contains(work);
}

asio::awaitable<Result<>> CheckpointExchange::pull(WorkName work, Offer offer) {
  const Error busy{Errc::conflict, fmt::format("{} is on its way", words_of(work))};
  const bool may = co_await may_pull(work);
  if (!may) co_return busy;
  pulling_->insert(work);
  const auto release = [pulling = pulling_, work](void*) { pulling->erase(work); };
  const std::unique_ptr<void, decltype(release)> released{pulling_.get(),
                                                          release};  // or by a throw
  const auto here = co_await epoch_here(work);
  if (here >= offer.found.epoch) co_return Result<>{};
  const fs::path path = files_.path(work.study, work.trial);
  const fs::path pulled = files_.pulled_path(work.study, work.trial);
  auto done = co_await pull_pieces(work, offer, pulled);
  if (*stopped_) co_return stopping();
  std::function<Result<>()> keep = [pulled, path, done, epoch = offer.found.epoch] {
    return keep_pulled(done, pulled, path, epoch);
  };
  co_return co_await node::on_disk(disk_, std::move(keep));
}

asio::awaitable<Result<>> CheckpointExchange::pull_pieces(WorkName work,
                                                          Offer offer,
                                                          fs::path file) {
  CheckpointRequest request;
  request.ask = CheckpointAsk::read;
  request.work = std::move(work);
  request.hash = offer.found.hash;
  while (request.offset < offer.found.bytes) {
    auto piece = co_await ask(offer.address, request, kPiecePatience);
    if (!piece) co_return piece.error();
    if (*stopped_) co_return stopping();
    const std::size_t size = piece->size();
    if (size == 0 || size > kCheckpointPieceBytes)
      co_return Error{Errc::corrupt, fmt::format("{} sent {} bytes", offer.address, size)};
    std::function<Result<>()> append = [file, offset = request.offset, piece = std::move(*piece)] {
      return append_piece(file, offset, piece);
    };
    auto appended = co_await node::on_disk(disk_, std::move(append));
    if (!appended) co_return appended;
    request.offset += size;
  }
  co_return Result<>{};
}

/// `to` first, then those whose turn it is, until one has it.
asio::awaitable<Result<>> CheckpointExchange::copy_out(WorkName work, std::optional<NodeId> to) {
  std::vector<NodeId> chosen = keepers(work);
  if (to) {
    std::erase(chosen, *to);
    chosen.insert(chosen.begin(), *to);
  }
  if (*stopped_) co_return stopping();
  const auto epoch = co_await epoch_here(work);
  if (epoch == 0) co_return none_here(work);
  Result<> copied = Error{Errc::unavailable, "no other node is there to keep a checkpoint"};
  for (const NodeId node : chosen) {
    auto address = address_of(node);
    if (!address || *stopped_) continue;
    copied = co_await offer(work, std::move(*address), epoch);
    if (copied) break;
  }
  co_return copied;
}

asio::awaitable<Result<>> CheckpointExchange::offer(WorkName work,
                                                    std::string address,
                                                    std::uint32_t epoch) {
  CheckpointRequest request;
  request.ask = CheckpointAsk::offer;
  request.work = std::move(work);
  request.epoch = epoch;
  request.address = sources_.own_address;
  const auto answer = co_await ask(std::move(address), std::move(request), kOfferPatience);
  if (!answer) co_return answer.error();
  co_return Result<>{};
}

asio::awaitable<void> CheckpointExchange::bring(WorkName work, std::optional<NodeId> last) {
  std::vector<NodeId> candidates = keepers(work);
  if (last && *last != sources_.self && std::ranges::count(candidates, *last) == 0)
    candidates.insert(candidates.begin(), *last);
  if (*stopped_) co_return;
  const auto here = co_await epoch_here(work);
  std::multimap<std::uint32_t, Offer> offers;  // by epoch
  for (const NodeId candidate : candidates) {
    auto address = address_of(candidate);
    if (!address || *stopped_) continue;
    const auto found = co_await find(work, *address);
    if (!found || found->epoch <= here) continue;
    offers.emplace(found->epoch, Offer{.address = std::move(*address), .found = *found});
  }
  for (auto offer = offers.rbegin(); offer != offers.rend() && !*stopped_; ++offer) {
    const auto pulled = co_await pull(work, offer->second);
    if (pulled) {
      log_.info("goes on from a checkpoint of another node work={} epoch={} from={}",
                words_of(work),
                offer->first,
                offer->second.address);
      co_return;
    }
    log_.warn("a checkpoint of another node did not come work={} from={} why={}",
              words_of(work),
              offer->second.address,
              pulled.error().detail);
  }
}

asio::awaitable<Result<>> CheckpointExchange::ask_to_yield(NodeId owner,
                                                           WorkName work,
                                                           std::uint64_t token) {
  const auto address = address_of(owner);
  if (!address) co_return Error{Errc::unavailable, "its node is not there"};
  CheckpointRequest request;
  request.ask = CheckpointAsk::yield;
  request.work = std::move(work);
  request.token = token;
  request.thief = sources_.self;
  const auto answer = co_await ask(*address, std::move(request), kFindPatience);
  if (!answer) co_return answer.error();
  co_return Result<>{};
}

}  // namespace starling::ml
