/// How a person says on the command line which rows train, validate and test.
#pragma once

#include "bootstrap/client/json_access.h"
#include "node/base/error.h"

#include <string>

namespace CLI {
class App;
}

namespace starling::bootstrap {

struct SplitFlags {
  std::string split;            ///< "group:customer", "kfold:5", or JSON
  std::string validation_file;  ///< rows of their own
  std::string test_file;
};

void add_split_flags(CLI::App& command, SplitFlags& flags);

/// `split` as the API takes it (docs/api.md); null if nothing was said.
/// Errors: `invalid_argument`, with what can be said.
Result<Json> split_json(const SplitFlags& flags);

}  // namespace starling::bootstrap
