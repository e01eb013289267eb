/// Values and commands as bytes (study.proto), for the log, the state and forwarding.
#pragma once

#include "ml/study/command.h"
#include "ml/study/study.h"
#include "node/base/error.h"

#include <string>
#include <string_view>

namespace starling::ml {

std::string encode(const Dataset& dataset);
std::string encode(const Study& study);
std::string encode(const Trial& trial);
std::string encode(const Curve& curve);
std::string encode(const ModelVersion& version);
std::string encode(const Register& entry);
std::string encode(const SwarmMember& member);
std::string encode(const Invite& invite);
std::string encode(const Command& command);

/// An encoded command with other times, which are above 0; nothing else of it changes.
std::string with_time(std::string_view command, std::uint64_t time_ms, std::uint64_t wall_ms);

std::string encode(const Outcome& outcome);

/// Errors: `corrupt`, naming what does not parse.
Result<Dataset> decode_dataset(std::string_view bytes);
Result<Study> decode_study(std::string_view bytes);
Result<Trial> decode_trial(std::string_view bytes);
Result<Curve> decode_curve(std::string_view bytes);
Result<ModelVersion> decode_version(std::string_view bytes);
Result<Register> decode_register(std::string_view bytes);  ///< without its key
Result<SwarmMember> decode_swarm_member(std::string_view bytes);
Result<Invite> decode_invite(std::string_view bytes);
Result<Command> decode_command(std::string_view bytes);
Result<Outcome> decode_outcome(std::string_view bytes);

}  // namespace starling::ml
