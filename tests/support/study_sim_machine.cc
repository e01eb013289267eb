#include "bootstrap/study_machine.h"
#include "ml/study/answer_table.h"
#include "ml/study/registers.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/assert.h"
#include "tests/support/sim_machine.h"

#include <fmt/format.h>

namespace starling::tests {

std::unique_ptr<consensus::StateMachine> StudySimMachine::start() const {
  return std::make_unique<bootstrap::StudyMachine>();
}

std::string StudySimMachine::encode(const ClientCommand& command,
                                    MonoTime now,
                                    LogIndex applied) const {
  const bool compares = command.ask == Ask::compare_and_set;
  STARLING_ASSERT(compares || command.ask == Ask::put, "a node's registers are set and compared");
  ml::SetRegister set;
  set.key = command.key;
  set.value = command.value;
  if (compares) set.expected = command.expected;
  ml::Command out;
  out.key = fmt::format("client{}-{}", command.client, command.number);
  // A node gives a command without a key of a client's one of its own.
  if (command.client % 2 == 1) out.key = ml::internal_key(applied, out.key);
  out.request_hash = out.key;
  out.time_ms = static_cast<std::uint64_t>(now / std::chrono::milliseconds{1});
  out.body = std::move(set);
  return ml::encode(out);
}

Answer StudySimMachine::decode(std::string_view result) const {
  const auto outcome = ml::decode_outcome(result);
  STARLING_ASSERT(outcome.has_value(), "the state machine's own result parses");
  if (!outcome->error) return {{outcome->number}, fmt::format("version:{}", outcome->number)};
  if (outcome->error->code == Errc::conflict)
    return {{}, fmt::format("conflict:{}", outcome->number)};
  return {{}, outcome->error->detail};
}

std::string StudySimMachine::read(const StateView& view, std::string_view key) const {
  const auto held = ml::find_register(view, key);
  return held ? fmt::format("{}={}", held->version, held->value) : "0=";
}

}  // namespace starling::tests
