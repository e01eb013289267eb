/// How trials, their attempts and a study's final fit change: each command of theirs has one rule.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/command.h"
#include "ml/study/transaction.h"

#include <string_view>

namespace starling::ml {

void set_status(Transaction& tx, Study& study, StudyStatus status, std::string_view reason);

/// All trials are final: the final model is to be made, or the study fails if none completed. Where
/// the objective is outside there is nothing to make: the study is complete.
void finish_search(Transaction& tx, Study& study, std::string_view reason);

/// Of a finishing study: the fits of its bag wait, or the final model at once.
void begin_finish(Transaction& tx, Study& study);

/// Where no fit is open, the final model waits.
void end_if_fits_final(Transaction& tx, Study& study);

/// A study whose trials, or fits, are all final goes on to its end. To be called where one ended.
void end_if_all_final(Transaction& tx, Study& study);

/// Also those that were asked for but never drawn, so that all sum to what was asked for; the fits
/// of a study that finishes.
void cancel_open_trials(Transaction& tx, Study& study);

/// The study's trials that are not final, by number; takes no longer with more that are.
std::vector<Trial> open_trials(const StateView& view, const Study& study);

Outcome run(Transaction& tx, const QueueTrials& command);

/// The outcome's number says how many were moved. Refusals: `conflict` if none was.
Outcome run(Transaction& tx, const MoveTrials& command);

/// The outcome's number is the token.
Outcome run(Transaction& tx, const StartTrial& command);

/// Refusals: `conflict` if none waits, or the study's objective is not outside.
Outcome run(Transaction& tx, const AskTrial& command);
Outcome run(Transaction& tx, const ReportProgress& command);

/// A repeat changes nothing. Refusals: `conflict` if the attempt is not the running one.
Outcome run(Transaction& tx, const YieldTrial& command);

/// A word is accepted of the current attempt, or of the last one while none is newer (design
/// section 5). One that brings no result is tried again: a crash `kAttemptsMax` times in all, lack
/// of memory with half as much again, until no node has that much.
Outcome run(Transaction& tx, const FinishTrial& command);
Outcome run(Transaction& tx, const RefuseTrial& command);
Outcome run(Transaction& tx, const StartFinal& command);
Outcome run(Transaction& tx, const FinishFinal& command);
Outcome run(Transaction& tx, const ExpireAttempts& command);

}  // namespace starling::ml
