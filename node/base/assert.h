/// Broken invariants stop the process, in release builds too: a wrong answer is worse than none.
#pragma once

namespace starling {

/// Prints what broke and where, then aborts.
[[noreturn]] void fail_assertion(const char* condition,
                                 const char* sentence,
                                 const char* file,
                                 int line);

}  // namespace starling

/// `sentence` says what must hold, for the person who reads the crash.
#define STARLING_ASSERT(condition, sentence) \
  ((condition) ? static_cast<void>(0)        \
               : ::starling::fail_assertion(#condition, sentence, __FILE__, __LINE__))
