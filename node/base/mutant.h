/// Bugs planted on purpose, to measure tests: each must make one fail
/// (tests/consensus/simulate_mutants.cc, tests/ml/trial_mutants_test.cc). In ordinary builds the
/// condition is `false`, and the compiler drops what hangs on it.
#pragma once

#ifdef STARLING_MUTANTS

namespace starling {

/// The one that is on; 0: none.
inline int active_mutant = 0;

}  // namespace starling

#define STARLING_MUTANT(number) (::starling::active_mutant == (number))

#else

#define STARLING_MUTANT(number) false

#endif
