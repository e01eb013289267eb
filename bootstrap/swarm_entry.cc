#include "bootstrap/swarm_entry.h"

#include "bootstrap/member_watch.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::bootstrap {
std::filesystem::path key_file_of(const std::filesystem::path& data) {
  return data / "swarm-keys";
}

SwarmEntry::SwarmEntry(const Settings& settings, Identity& identity, node::Trust& trust)
    : settings_(settings), identity_(identity), trust_(trust) {}

/// The swarm's keys as this node knew them last, what was given by hand, and what it is to do.
Result<> SwarmEntry::prepare() {
  auto known = read_key_ring(key_file_of(settings_.data));
  if (!known) return known.error();
  if (!settings_.secret_file.empty()) {
    auto given = read_key_ring(settings_.secret_file);
    if (!given) return given.error();
    given_keys_ = std::move(*given);
    if (given_keys_.empty() && known->empty() && !settings_.found) {
      return Error{Errc::invalid_argument,
                   fmt::format("--secret-file {} does not exist; copy it from a member (its "
                               "DATA/swarm-keys), or make it with `openssl rand -hex 32`, the same "
                               "for all nodes",
                               settings_.secret_file.string())};
    }
  }
  if (!settings_.join_token.empty()) token_ = node::parse_join_token(settings_.join_token).value();
  if (!identity_.swarm() && settings_.found) {
    if (auto ok = found(); !ok) return ok;
    known = read_key_ring(key_file_of(settings_.data));
    if (!known) return known.error();
  }
  if (identity_.swarm()) add_given_key(*known);
  trust_.set_ring(std::move(*known));
  trust_.set_given(given_keys_);
  trust_.set_join_token(token_);
  if (identity_.swarm()) return {};
  if (settings_.join.empty()) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} is empty and neither --found nor --join was given; use --found to "
                             "start a new swarm, or --join HOST:PORT to enter one",
                             settings_.data.string())};
  }
  if (!trust_.credentials().empty()) return {};
  return Error{Errc::invalid_argument,
               "to join a swarm its secret is needed: give --secret-file FILE (the founder's is in "
               "its DATA/swarm-keys) or --join-token TOKEN (from `starling member invite`)"};
}

Result<> SwarmEntry::make_first_key() {
  node::RingKey key{.generation = 1, .use = node::KeyUse::in_use, .key = {}};
  const bool is_given = !given_keys_.empty();
  key.key = is_given ? node::key_in_use(given_keys_)->key : secure_random<32>();
  given_keys_ = {key};  // The ring of another swarm may have been given: its history is not ours.
  if (is_given || settings_.secret_file.empty()) return {};
  return write_key_ring(settings_.secret_file, given_keys_);
}

/// Who lost its state cannot tell a newer key by the log of members. What a person gave is good
/// beside what it knew.
void SwarmEntry::add_given_key(node::SwarmKeyRing& ring) const {
  const auto given = node::key_in_use(given_keys_);
  if (!given || (!ring.empty() && !identity_.renewed_because())) return;
  const bool is_known = std::ranges::any_of(
      ring, [&given](const node::RingKey& key) { return key.key == given->key; });
  if (is_known) return;
  const auto use = ring.empty() ? node::KeyUse::in_use : node::KeyUse::accepted;
  ring.insert(ring.begin(), node::RingKey{node::newest_generation(ring) + 1, use, given->key});
}

Result<> SwarmEntry::found() {
  if (settings_.found && !settings_.join.empty()) {
    return Error{Errc::invalid_argument,
                 "--found and --join were both given; --found starts a new swarm, --join enters "
                 "one: use one of them"};
  }
  if (auto ok = make_first_key(); !ok) return ok;
  if (auto ok = write_key_ring(key_file_of(settings_.data), given_keys_); !ok) return ok;
  return identity_.found(SwarmId{secure_random<16>()}, !settings_.found);
}

asio::awaitable<Result<>> SwarmEntry::enter(asio::any_io_executor core, node::PeerLinks& links) {
  if (is_stopped_) co_return Error{Errc::unavailable, "this node is stopping"};
  joiner_ = std::make_shared<Joiner>(core,
                                     links,
                                     settings_.join,
                                     settings_.name,
                                     token_ ? std::optional{token_->swarm} : std::nullopt,
                                     Logger{"join", settings_.name});
  const auto entered = co_await joiner_->run();
  if (!entered) co_return entered.error();
  if (*entered) co_return take_in(**entered);
  auto founded = found();
  if (founded) trust_.set_ring(given_keys_);
  co_return founded;
}

Result<> SwarmEntry::take_in(const node::Admitted& admitted) {
  if (auto ok = write_key_ring(key_file_of(settings_.data), admitted.ring); !ok) return ok;
  trust_.set_ring(admitted.ring);
  return identity_.join(admitted.swarm, admitted.recovery_epoch);
}

void SwarmEntry::stop() {
  is_stopped_ = true;
  if (joiner_) joiner_->stop();
}

}  // namespace starling::bootstrap
