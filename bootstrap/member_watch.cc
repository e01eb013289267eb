#include "bootstrap/member_watch.h"

#include "ml/study/swarm_members.h"
#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <utility>

namespace starling::bootstrap {

Result<> write_key_ring(const std::filesystem::path& file, const node::SwarmKeyRing& ring) {
  return write_file_atomically(file, node::to_text(ring), 0600);
}

Result<node::SwarmKeyRing> read_key_ring(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text && text.error().code == Errc::not_found) return node::SwarmKeyRing{};
  if (!text) return text.error();
  auto ring = node::parse_key_ring(*text);
  if (!ring)
    return Error{Errc::invalid_argument, fmt::format("{}: {}", file.string(), ring.error().detail)};
  return ring;
}

MemberWatch::MemberWatch(consensus::RaftGroup& group,
                         node::GossipService& gossip,
                         node::PeerLinks& links,
                         node::Trust& trust,
                         std::filesystem::path key_file,
                         std::function<void()> on_removed,
                         Logger log)
    : group_(group),
      gossip_(gossip),
      links_(links),
      trust_(trust),
      key_file_(std::move(key_file)),
      on_removed_(std::move(on_removed)),
      log_(std::move(log)) {
  trust_.set_standing(
      [this](const node::PublicKey& key) { return ml::standing_of(*group_.view(), key); });
  trust_.set_minted([this](const node::KeyId& id) { return ml::invite_key(*group_.view(), id); });
  look();
}

void MemberWatch::look() {
  const auto view = group_.view();
  const std::uint64_t change = ml::member_change(*view);
  if (change == seen_) return;
  seen_ = change;
  take_ring(ml::swarm_key_ring(*view));
  links_.drop_distrusted();
  for (const auto& member : gossip_.members())
    heard_of(member);
  const auto own = trust_.self().key().public_key;
  if (ml::standing_of(*view, own) == node::Standing::removed && on_removed_)
    std::exchange(on_removed_, {})();
}

void MemberWatch::heard_of(const node::Member& member) {
  const bool is_removed =
      !member.key.is_none() && trust_.standing(member.key.public_key) == node::Standing::removed;
  if (is_removed) gossip_.expel(member.id);
}

void MemberWatch::take_ring(node::SwarmKeyRing ring) {
  // A state that is behind says less than this node knows.
  if (ring.empty() || is_further(trust_.ring(), ring) || ring == trust_.ring()) return;
  if (auto written = write_key_ring(key_file_, ring); !written)
    log_.error("the swarm's keys were not written why={}", written.error().detail);
  trust_.set_ring(std::move(ring));
  gossip_.renew_keys();
}

}  // namespace starling::bootstrap
