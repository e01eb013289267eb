#include "bootstrap/study_machine.h"

#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/assert.h"

namespace starling::bootstrap {

consensus::ApplyOutcome StudyMachine::apply(const StateView& view,
                                            LogIndex index,
                                            std::string_view command) {
  const auto decoded = ml::decode_command(command);
  STARLING_ASSERT(decoded.has_value(),
                  "a committed command is understood; if not, run the version that wrote it");
  auto applied = ml::apply(view, index, *decoded);
  return {.changes = std::move(applied.changes), .result = ml::encode(applied.outcome)};
}

}  // namespace starling::bootstrap
