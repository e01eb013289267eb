#include "node/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace starling {

void fail_assertion(const char* condition, const char* sentence, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s (%s)\n", file, line, sentence, condition);
  std::abort();
}

}  // namespace starling
