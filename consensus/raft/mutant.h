/// Bugs planted on purpose, to measure the simulator: each must make some seed fail
/// (tests/consensus/simulate_mutants.cc). In ordinary builds the condition is `false`, and the
/// compiler drops what hangs on it.
#pragma once

#ifdef STARLING_MUTANTS

namespace starling::consensus {

/// The one that is on; 0: none.
inline int active_mutant = 0;

}  // namespace starling::consensus

#define STARLING_MUTANT(number) (::starling::consensus::active_mutant == (number))

#else

#define STARLING_MUTANT(number) false

#endif
