// A test that is to notice a planted bug, in a process of its own, since the bug may abort it.
#pragma once

#include "node/base/mutant.h"

#include <cstdio>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace starling::tests {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

inline constexpr unsigned kBugPatience = 60;  ///< seconds; what never ends is noticed as well

/// Whether `notices` says so with that bug switched on (0: none), or dies of it.
inline bool falls(int mutant, const std::function<bool()>& notices) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kBugPatience);
    ::unsetenv("STARLING_REWRITE");  // never write down what a broken room says
    std::freopen("/dev/null", "w", stderr);
    active_mutant = mutant;
    ::_exit(notices() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

}  // namespace starling::tests
