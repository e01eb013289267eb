/// Predictions from a model file, with no node: by the worker program beside this one.
#pragma once

#include "node/base/error.h"

#include <filesystem>
#include <string>

namespace starling::bootstrap {

/// `csv` with the predictions added.
/// Errors: those of `ml::Predictor::predict`; `io` if the worker program cannot run.
Result<std::string> predict_without_node(const std::filesystem::path& artifact,
                                         const std::string& csv);

}  // namespace starling::bootstrap
