/// Taking over what another swarm holds, piece by piece, by commands that may be said again: two
/// swarms with work in both have met, one is kept, and adopts what the other has.
///
/// A piece is a row of pairs (node/base/state_pairs.h) as a backup has them: one data set, or
/// trials and curves of a study, or, as the last piece of a study, the study itself. Before that
/// nobody sees its trials; a study that is there already stays as it is.
///
/// What was running there waits here, without its attempt: no node of this swarm works on it; its
/// time limit begins anew. A model becomes the next version under its name. A data set whose name
/// is taken gets "NAME (ID)".
///
/// What every node decides alike, now and in later versions, is in `run`; what depends on what this
/// version knows of search spaces and metrics is asked before, by `check_adoptable`.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"
#include "node/base/error.h"

#include <string_view>
#include <utility>
#include <vector>

namespace starling::ml {

/// Bytes of pairs in one command; below the limit of the log, with room for the rest of it.
inline constexpr std::size_t kAdoptedBytesMax = (256 << 10) - 1024;

struct AdoptedPiece {
  struct TrialCurve {
    std::string study;
    std::uint32_t number = 0;
    Curve curve;
  };

  std::optional<Dataset> dataset;
  std::vector<Trial> trials;
  std::vector<TrialCurve> curves;
  std::optional<Study> study;
};

/// Errors: `invalid_argument`, naming what is wrong: no whole pairs, a key of another kind, a value
///         that does not parse, more than one data set or study, an id that is none, a name that is
///         none; `too_large`.
Result<AdoptedPiece> parse_piece(std::string_view pairs);

/// What must be in the blob store before the piece may be adopted.
std::vector<ContentHash> blobs_of(const AdoptedPiece& piece);

/// Whether this version could have made the study of `piece`, whose trials are in `view`: its spec,
/// and trials that its search space can have. Nothing to say against a piece without a study.
/// Errors: `invalid_argument`, naming field and limit.
Result<> check_adoptable(const StateView& view, const AdoptedPiece& piece);

/// The outcome's id is that of the adopted study (empty if the piece has none, or if the study was
/// there before); its number counts what was put: data sets, trials and studies.
/// Refusals: those of `parse_piece`; `conflict`: another data set under this id; trials that are
///           missing or do not add up; a study that ended there and otherwise here; `not_found`:
///           the data set of a study that has not ended.
Outcome run(Transaction& tx, const Adopt& command);

}  // namespace starling::ml
