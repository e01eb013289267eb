/// The Dockerfile in every artifact: an image that predicts the rows of a CSV file by predict.py.
///
/// Threads: none. Pure.
#pragma once

#include <string>

namespace starling::ml {

/// It is built in the folder that the artifact was unpacked into. Debian 12 has what the models
/// need: PyTorch for networks and linear models, XGBoost for trees, of the versions that made them.
std::string container_file(bool has_networks, bool has_trees);

}  // namespace starling::ml
