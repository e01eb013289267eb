/// Several models that answer as one: the mean of what they say, by weight.
///
/// A node leaves a list of them in a file for the worker that serves them; each reads its own part
/// of a row, which holds the row as each of the encoders encodes it, one behind the other.
#pragma once

#include "ml/train/learner.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace starling::ml {

struct BagPart {
  std::filesystem::path model;
  std::size_t from = 0, columns = 0;  ///< of a row: where its part begins, and how long it is
  double weight = 1;

  friend bool operator==(const BagPart&, const BagPart&) = default;
};

/// As a file for `load_served`.
std::string to_json(const std::vector<BagPart>& parts);

/// Throws if a model does not load, or there is none.
std::unique_ptr<ServedModel> load_bag(Engine& engine, const std::vector<BagPart>& parts);

/// A model, or a list of them. Throws as `load_bag`, or if the list makes no sense.
std::unique_ptr<ServedModel> load_served(Engine& engine, const std::filesystem::path& path);

}  // namespace starling::ml
