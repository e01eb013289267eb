#include "bootstrap/study_machine.h"

#include "ml/study/answer_table.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/assert.h"

#include <algorithm>
#include <utility>

namespace starling::bootstrap {
namespace {

bool is_of_idempotency_keys(const Changes::Range& range) {
  return range.from.starts_with(ml::keys::kIdempotency) &&
         range.until.starts_with(ml::keys::kIdempotency);
}

bool is_quiet(const Changes& changes) {
  const auto is_quiet_write = [](const auto& write) { return ml::is_quiet_key(write.first); };
  return std::ranges::all_of(changes.erased, is_of_idempotency_keys) &&
         std::ranges::all_of(changes.writes, is_quiet_write);
}

}  // namespace

consensus::ApplyOutcome StudyMachine::apply(const StateView& view,
                                            LogIndex index,
                                            std::string_view command) {
  const auto decoded = ml::decode_command(command);
  STARLING_ASSERT(decoded.has_value(),
                  "a committed command is understood; if not, run the version that wrote it");
  if (is_new_) used_.restart(index);
  is_new_ = false;
  auto applied = ml::apply(RecentView{view, recent_, used_}, index, *decoded);
  if (ml::applied_before(decoded->key)) used_.note(index, decoded->key);
  note(applied.changes);
  return {.changes = std::move(applied.changes), .result = ml::encode(applied.outcome)};
}

void StudyMachine::state_replaced() {
  recent_.clear();
  is_new_ = true;
}

void StudyMachine::note(const Changes& changes) {
  if (!std::ranges::all_of(changes.erased, is_of_idempotency_keys)) recent_.clear();
  for (const auto& [key, value] : changes.writes)
    if (RecentView::is_hot(key)) recent_.put(key, value);
  if (!is_quiet(changes))
    since_ = Since::news;
  else if (since_ == Since::nothing_applied)
    since_ = Since::quiet;
}

bool StudyMachine::take_news() {
  return std::exchange(since_, Since::nothing_applied) != Since::quiet;
}

}  // namespace starling::bootstrap
