/// What nodes say about checkpoints, on `Channel::work`. Pure; decoding trusts nothing.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/hash.h"
#include "node/base/ids.h"

#include <cstdint>
#include <optional>
#include <string>

namespace starling::ml {

/// A trial of a study, or its final fit.
struct WorkName {
  std::string study;
  std::optional<std::uint32_t> trial;

  friend auto operator<=>(const WorkName&, const WorkName&) = default;
};

/// Values travel on the wire: append only.
enum class CheckpointAsk : std::uint32_t {
  find = 1,   ///< answer: CheckpointFound, or `not_found`
  read = 2,   ///< answer: bytes of the file with that hash, from `offset` on
  offer = 3,  ///< get the one of `epoch` from `address`; answer: nothing, when it is kept
  yield = 4,  ///< let `thief` have the attempt `token`; answer: nothing, if it is told to
};

struct CheckpointRequest {
  CheckpointAsk ask = CheckpointAsk::find;
  WorkName work;
  std::uint32_t epoch = 0;
  ContentHash hash;
  std::uint64_t offset = 0;
  std::string address;
  std::uint64_t token = 0;
  NodeId thief;

  friend bool operator==(const CheckpointRequest&, const CheckpointRequest&) = default;
};

struct CheckpointFound {
  std::uint32_t epoch = 0;
  std::uint64_t bytes = 0;
  ContentHash hash;  ///< that the file ends with

  friend bool operator==(const CheckpointFound&, const CheckpointFound&) = default;
};

Bytes encode(const CheckpointRequest& request);
Bytes encode(const CheckpointFound& found);

/// Errors: `corrupt`; also where the study's id could not be one, for it names a file.
Result<CheckpointRequest> decode_checkpoint_request(BytesView bytes);
Result<CheckpointFound> decode_checkpoint_found(BytesView bytes);

}  // namespace starling::ml
