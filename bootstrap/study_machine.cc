#include "bootstrap/study_machine.h"

#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::bootstrap {
namespace {

bool is_quiet(const Changes& changes) {
  return std::ranges::all_of(changes.writes,
                             [](const auto& write) { return ml::is_quiet_key(write.first); });
}

}  // namespace

consensus::ApplyOutcome StudyMachine::apply(const StateView& view,
                                            LogIndex index,
                                            std::string_view command) {
  const auto decoded = ml::decode_command(command);
  STARLING_ASSERT(decoded.has_value(),
                  "a committed command is understood; if not, run the version that wrote it");
  auto applied = ml::apply(view, index, *decoded);
  if (!is_quiet(applied.changes))
    since_ = Since::news;
  else if (since_ == Since::nothing_applied)
    since_ = Since::quiet;
  return {.changes = std::move(applied.changes), .result = ml::encode(applied.outcome)};
}

bool StudyMachine::take_news() {
  return std::exchange(since_, Since::nothing_applied) != Since::quiet;
}

}  // namespace starling::bootstrap
