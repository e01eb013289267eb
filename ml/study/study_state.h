/// The study state machine: `apply` changes the replicated truth, the finders read it.
///
/// Keys, all in one ordered view (numbers as 8 bytes, big endian):
///   dataset/ID  study/ID  trial/STUDY/NUMBER  curve/STUDY/NUMBER  version/MODEL/NUMBER
///   member/NODE  memberkey/PUBLIC KEY  removed/PUBLIC KEY  invite/KEY ID
///   token/HASH  event/INDEX SEQUENCE  register/KEY  idem/KEY  idemage/TIME KEY  idemown/TIME KEY
///   meta/{time,events,keys,ownkeys,ownfloor,registers,ring,members,memberchange}
///
/// Pure: a function of view, index and command; time comes inside the command.
#pragma once

#include "ml/study/command.h"
#include "ml/study/study.h"
#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/base/state_view.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

struct Applied {
  Changes changes;
  Outcome outcome;
};

/// A refused command changes nothing but its idempotency record; `outcome.error` says why.
Applied apply(const StateView& view, LogIndex index, const Command& command);

/// Errors of the finders: `not_found`, with a sentence.
Result<Dataset> find_dataset(const StateView& view, std::string_view id_or_name);
std::vector<Dataset> list_datasets(const StateView& view);

Result<Study> find_study(const StateView& view, std::string_view id);
std::vector<Study> list_studies(const StateView& view);  ///< newest first

Result<Trial> find_trial(const StateView& view, std::string_view study, std::uint32_t number);
std::vector<Trial> list_trials(const StateView& view,
                               std::string_view study,
                               std::uint32_t from = 0);  ///< by number; without fits
/// Of its bag: by candidate, best first, then by fold (fold_fits.h).
std::vector<Trial> list_fits(const StateView& view, std::string_view study);
Curve find_curve(const StateView& view, std::string_view study, std::uint32_t number);

std::vector<std::string> list_models(const StateView& view);
std::vector<ModelVersion> list_versions(const StateView& view, std::string_view model);
/// Without `version`: the latest.
Result<ModelVersion> find_version(const StateView& view,
                                  std::string_view model,
                                  std::optional<std::uint64_t> version);

bool has_token(const StateView& view, const ContentHash& token_hash);
bool has_any_token(const StateView& view);

/// Nobody has put anything in yet: one member, no data set, study, model, register or invitation.
bool is_untouched(const StateView& view);

/// Whether what lies under `key` concerns neither work nor events: registers, idempotency keys and
/// what the state counts for itself.
bool is_quiet_key(std::string_view key);

/// Cluster time of the last applied command, in ms.
std::uint64_t cluster_time_ms(const StateView& view);

/// 1 in a swarm that was never raised.
std::uint32_t feature_level(const StateView& view);

/// Where to look for the oldest event: what was dropped before it is not read over again, which
/// would cost a store as much as if it were there.
std::string events_begin(const StateView& view);

struct EventPage {
  std::vector<Event> events;
  bool too_old = false;  ///< The cursor lies before what is kept: read everything anew.
};

/// At most `max` events after the cursor INDEX.SEQUENCE.
EventPage events_after(const StateView& view,
                       std::uint64_t index,
                       std::uint64_t sequence,
                       std::size_t max);

enum class BlobUse : std::uint8_t { dataset, model };

/// All blobs that the state refers to. What is both is a model.
std::map<ContentHash, BlobUse> referenced_blobs(const StateView& view);

}  // namespace starling::ml
