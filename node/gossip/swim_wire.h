/// Gossip in bytes. Decoding trusts nothing: every length, number and state is checked.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/gossip/swim_message.h"

namespace starling::node {

Bytes encode_swim_message(const SwimMessage& message);

/// Errors: `corrupt`.
Result<SwimMessage> decode_swim_message(BytesView bytes);

Bytes encode_swim_state(const SwimState& state);

/// Errors: `corrupt`.
Result<SwimState> decode_swim_state(BytesView bytes);

}  // namespace starling::node
