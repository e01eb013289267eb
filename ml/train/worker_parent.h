/// The worker program's main loop: one thread, one line to the node, one fork per piece of work.
///
/// Whatever is slow to load (LibTorch: half a second, 155 MB) is loaded before this loop, once; a
/// child then starts in milliseconds and shares those pages. The loop knows nothing of learning, so
/// it can be tested without LibTorch.
///
/// A child dies with the parent, the parent with the node: by the end of the line and by
/// PR_SET_PDEATHSIG. When memory runs out the kernel takes children first (oom_score_adj).
#pragma once

#include <functional>

namespace starling::ml {

/// What a child does, given its channel. Returns its exit status.
using ChildMain = std::function<int(int channel)>;

/// Serves the line `control` until it ends, then kills and reaps every child.
/// Returns the program's exit status.
int run_worker_parent(int control, const ChildMain& child_main);

/// Called first in a program's `main`, before it loads or starts anything: ends the program with
/// its parent, and starts it once more with one thread of BLAS if the environment does not say so.
void prepare_worker_program(char** arguments);

/// The rest of `main`: serves the line on kWorkerControlFd, or says on stderr that `name` is
/// started by a node. Returns the program's exit status.
int run_worker_program(const char* name, const ChildMain& child_main);

}  // namespace starling::ml
