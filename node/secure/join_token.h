/// A token lets one machine (or some, until it expires) in without the swarm's secret. Pure.
#pragma once

#include "node/base/ids.h"
#include "node/secure/swarm_keys.h"

#include <optional>
#include <string>
#include <string_view>

namespace starling::node {

struct JoinToken {
  SwarmId swarm;    ///< the one it was minted in; another is refused
  SwarmKey secret;  ///< both sides prove in the handshake that they know it

  friend bool operator==(const JoinToken&, const JoinToken&) = default;
};

/// "starling-join-" and 96 hex digits.
std::string to_text(const JoinToken& token);

/// Errors: `invalid_argument`, which does not repeat the text.
Result<JoinToken> parse_join_token(std::string_view text);

}  // namespace starling::node
