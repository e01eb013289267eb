/// How the model of a finished study enters the registry.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/transaction.h"

namespace starling::ml {

/// Makes `study.result` the next version of the model that has the study's name, and notes that in
/// `study`, which the caller puts. The study has a result and a best trial.
void register_model(Transaction& tx, Study& study);

}  // namespace starling::ml
