#include "consensus/group/apply_entries.h"

namespace starling::consensus {
namespace {

Result<> compare_state(const StateChain& chain, const Entry& entry) {
  const auto most = decode_state_check(entry.command);
  if (!most) return Error{Errc::corrupt, "an entry of kind check is malformed"};
  if (const auto differs = chain.compare(*most)) return Error{Errc::conflict, *differs};
  return {};
}

}  // namespace

Result<AppliedEntries> apply_entries(StateMachine& machine,
                                     StateChain& chain,
                                     const StateView& state,
                                     const std::vector<EntryRef>& entries) {
  AppliedEntries all;
  for (const EntryRef& ref : entries) {
    const Entry& entry = *ref;
    if (entry.kind == EntryKind::check) {
      if (auto equal = compare_state(chain, entry); !equal) return equal.error();
    }
    ApplyOutcome outcome;
    if (entry.kind == EntryKind::command) {
      const OverlayView view{state, all.changes};
      outcome = machine.apply(view, entry.index, entry.command);
    }
    if (auto link = chain.add(entry.index, outcome.changes)) all.check = link;
    all.changes.add(std::move(outcome.changes));
    all.results.push_back(std::move(outcome.result));
  }
  chain.put_into(all.changes);
  return all;
}

}  // namespace starling::consensus
