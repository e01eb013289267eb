/// What a child of the worker program does: reads its task, carries it out, reports, ends.
#pragma once

#include "ml/train/child_channel.h"
#include "ml/train/learner.h"

namespace starling::ml {

/// One trial, one final model, or predictions until the node lets go. Returns the exit status.
int run_child(int channel, Engine& engine);

}  // namespace starling::ml
