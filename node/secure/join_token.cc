#include "node/secure/join_token.h"

#include "node/base/hash.h"

#include <span>

namespace starling::node {
namespace {

constexpr std::string_view kPrefix = "starling-join-";
constexpr std::size_t kSwarmDigits = 32;

}  // namespace

std::string to_text(const JoinToken& token) {
  return std::string{kPrefix} + token.swarm.hex() + to_hex(view_of(token.secret));
}

Result<JoinToken> parse_join_token(std::string_view text) {
  const Error bad{Errc::invalid_argument,
                  "a join token is starling-join- and 96 hex digits, as `starling member invite` "
                  "prints it"};
  if (!text.starts_with(kPrefix)) return bad;
  text.remove_prefix(kPrefix.size());
  if (text.size() < kSwarmDigits) return bad;
  const auto swarm = SwarmId::from_hex(text.substr(0, kSwarmDigits));
  const auto secret = ContentHash::from_hex(text.substr(kSwarmDigits));
  if (!swarm || swarm->is_none() || !secret) return bad;
  return JoinToken{.swarm = *swarm, .secret = secret->bytes};
}

}  // namespace starling::node
