#include "bootstrap/admission.h"

#include "ml/study/swarm_members.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace starling::bootstrap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCommitPatience{5000};
constexpr milliseconds kAnswerPatience{7000};
constexpr milliseconds kAdmitSelfPause{1000};

}  // namespace

Admission::Admission(asio::any_io_executor core,
                     RaftLedger& ledger,
                     consensus::RaftGroup& group,
                     node::PeerLinks& links,
                     const node::Trust& trust,
                     RaftLedger::AddressOf address_of,
                     Logger log)
    : ledger_(ledger),
      group_(group),
      links_(links),
      trust_(trust),
      address_of_(std::move(address_of)),
      log_(std::move(log)),
      alarm_(std::move(core)) {
  links_.on_admission([this](const node::PeerCaller& caller, Bytes name) {
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
  ml::Command command;
  command.body = std::move(add);
  const auto recorded = co_await ledger_.append(std::move(command), kCommitPatience);
  if (!recorded) co_return recorded.error();
  if (recorded->outcome.error) co_return *recorded->outcome.error;
  log_.info("let in node={} name={}", node_id_of(caller.key).hex(), as_text(name));
  const node::Admitted admitted{.swarm = links_.hello().swarm,
                                .recovery_epoch = links_.hello().recovery_epoch,
                                .ring = trust_.ring()};
  co_return node::encode_admitted(admitted);
}

void Admission::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

asio::awaitable<void> Admission::admit_self(std::string name) {
  while (!is_stopped_) {
    const auto admitted = co_await admit_once(name);
    if (admitted || is_stopped_) co_return;
    log_.debug("is not in the log of members yet why={}", admitted.error().detail);
    alarm_.expires_after(kAdmitSelfPause);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<Result<>> Admission::admit_once(std::string name) {
  const auto view = group_.view();
  const bool has_keys = !ml::swarm_key_ring(*view).empty();
  if (has_keys && ml::member_of(*view, trust_.self().node())) co_return Result<>{};
  const auto status = group_.status();
  if (!status.leader) co_return Error{Errc::unavailable, "no leader is known"};
  if (status.role != consensus::Role::leader) {
    const auto address = address_of_(*status.leader);
    if (!address) co_return Error{Errc::unavailable, "the leader's address is not known yet"};
    const auto admitted = co_await ask_admission(links_, *address, std::move(name));
    if (!admitted) co_return admitted.error();
    co_return Error{Errc::unavailable, "let in, and not applied here yet"};
  }
  std::vector<ml::Command> commands(2);
  commands[0].body = ml::AddSwarmKey{node::key_in_use(trust_.ring())->key};
  commands[1].body = ml::AddMember{trust_.self().key(), std::move(name), {}};
  for (auto& command : commands) {
    const auto recorded = co_await ledger_.append(std::move(command), kCommitPatience);
    if (!recorded) co_return recorded.error();
    if (recorded->outcome.error) co_return *recorded->outcome.error;
  }
  co_return Result<>{};
}

asio::awaitable<Result<node::Admitted>> ask_admission(node::PeerLinks& links,
                                                      std::string address,
                                                      std::string name) {
  const auto answered =
      co_await links.call(address, node::Channel::admission, to_bytes(name), kAnswerPatience);
  if (!answered) co_return answered.error();
  co_return node::decode_admitted(*answered);
}

}  // namespace starling::bootstrap
