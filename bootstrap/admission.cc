#include "bootstrap/admission.h"

#include "ml/study/swarm_members.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <utility>

namespace starling::bootstrap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCommitPatience{5000};
constexpr milliseconds kAnswerPatience{7000};
constexpr milliseconds kPause{1000};
constexpr int kRoundsAlone = 3;  // without a leader; then the keys may have changed

}  // namespace

Admission::Admission(asio::any_io_executor core, Parts parts, Logger log)
    : parts_(std::move(parts)), log_(std::move(log)), alarm_(std::move(core)) {
  parts_.links.on_admission([this](const node::PeerCaller& caller, Bytes name) {
    return answer(caller, std::move(name));
  });
}

asio::awaitable<Result<Bytes>> Admission::answer(node::PeerCaller caller, Bytes name) {
  ml::AddMember add{.key = caller.key, .name = std::string{as_text(name)}, .invite = {}};
  if (add.name.empty() || add.name.size() > kMemberNameMax) {
    co_return Error{Errc::invalid_argument,
                    fmt::format("name: 1 to {} characters", kMemberNameMax)};
  }
  if (caller.kind == node::CredentialKind::join_token) add.invite = caller.key_id;
  const auto known = ml::member_of(*parts_.group.view(), node_id_of(caller.key));
  if (!known || known->name != add.name) {
    ml::Command command;
    command.body = std::move(add);
    const auto recorded = co_await parts_.ledger.append(std::move(command), kCommitPatience);
    if (!recorded) co_return recorded.error();
    if (recorded->outcome.error) co_return *recorded->outcome.error;
    log_.info("let in node={} name={}", node_id_of(caller.key).hex(), as_text(name));
    // Or the answer could hold keys that the swarm has left behind already.
    const auto applied = co_await parts_.group.wait_applied(recorded->index, kCommitPatience);
    if (!applied) co_return Error{Errc::unavailable, applied.error().detail};
  }
  auto ring = ml::swarm_key_ring(*parts_.group.view());
  if (is_further(parts_.trust.ring(), ring)) ring = parts_.trust.ring();
  const node::Hello& own = parts_.links.hello();
  const node::Admitted admitted{
      .swarm = own.swarm, .recovery_epoch = own.recovery_epoch, .ring = std::move(ring)};
  co_return node::sign_admitted(parts_.trust.self(), node_id_of(caller.key), admitted);
}

void Admission::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

void Admission::wake() {
  is_woken_ = true;
  alarm_.cancel();
}

asio::awaitable<void> Admission::stay(std::string name) {
  bool is_admitted = false;
  int rounds_alone = 0;
  while (!is_stopped_) {
    if (!is_admitted) {
      const auto admitted = co_await admit_once(name);
      is_admitted = admitted.has_value();
      if (!admitted) log_.debug("is no member yet why={}", admitted.error().detail);
    }
    const bool is_cut_off = !parts_.group.status().leader || parts_.is_alone();
    rounds_alone = is_cut_off ? rounds_alone + 1 : 0;
    if (rounds_alone >= kRoundsAlone) co_await ask_for_keys(name);
    if (is_stopped_) co_return;
    if (!std::exchange(is_woken_, false)) {
      alarm_.expires_after(kPause);
      co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
      is_woken_ = false;
    }
  }
}

asio::awaitable<void> Admission::ask_for_keys(std::string name) {
  const auto addresses = parts_.addresses();
  for (const std::string& address : addresses) {
    const auto answer = co_await ask_admission(parts_.links, address, name);
    if (is_stopped_) co_return;
    if (!answer) {
      log_.debug("heard no keys from {} why={}", address, answer.error().detail);
      continue;
    }
    const bool is_newer = is_further(answer->admitted.ring, parts_.trust.ring());
    const bool is_believed = parts_.trust.standing(answer->by.public_key) == node::Standing::member;
    if (!is_newer || !is_believed) continue;
    log_.info("learned the swarm's new key at {}", address);
    parts_.on_ring(answer->admitted.ring);
    co_return;
  }
}

asio::awaitable<Result<>> Admission::admit_once(std::string name) {
  const auto view = parts_.group.view();
  const bool has_keys = !ml::swarm_key_ring(*view).empty();
  if (has_keys && ml::member_of(*view, parts_.trust.self().node())) co_return Result<>{};
  const auto status = parts_.group.status();
  if (!status.leader) co_return Error{Errc::unavailable, "no leader is known"};
  if (status.role != consensus::Role::leader) {
    const auto address = parts_.address_of(*status.leader);
    if (!address) co_return Error{Errc::unavailable, "the leader's address is not known yet"};
    const auto admitted = co_await ask_admission(parts_.links, *address, std::move(name));
    if (!admitted) co_return admitted.error();
    co_return Error{Errc::unavailable, "let in, and not applied here yet"};
  }
  std::vector<ml::Command> commands;
  if (!has_keys)
    commands.emplace_back().body = ml::AddSwarmKey{key_in_use(parts_.trust.ring())->key};
  commands.emplace_back().body = ml::AddMember{parts_.trust.self().key(), std::move(name), {}};
  for (auto& command : commands) {
    const auto recorded = co_await parts_.ledger.append(std::move(command), kCommitPatience);
    if (!recorded) co_return recorded.error();
    if (recorded->outcome.error) co_return *recorded->outcome.error;
  }
  co_return Result<>{};
}

asio::awaitable<Result<node::SignedAdmitted>> ask_admission(node::PeerLinks& links,
                                                            std::string address,
                                                            std::string name) {
  const auto answered =
      co_await links.call(address, node::Channel::admission, to_bytes(name), kAnswerPatience);
  if (!answered) co_return answered.error();
  co_return node::open_admitted(links.hello().node, *answered);
}

}  // namespace starling::bootstrap
