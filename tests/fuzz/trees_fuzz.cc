// A model of trees, from an artifact that somebody hands over: what is let through to XGBoost.
#include "ml/train/tree_check.h"
#include "tests/fuzz/fuzz_target.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace {

using Json = nlohmann::json;

/// Each node is reached once at most, and asks for a column within the limits.
void walk(const Json& tree, const starling::ml::TreeLimits& limits) {
  const auto lefts = tree.at("left_children").get<std::vector<std::int64_t>>();
  const auto rights = tree.at("right_children").get<std::vector<std::int64_t>>();
  const auto columns = tree.at("split_indices").get<std::vector<std::int64_t>>();
  std::vector<std::size_t> open{0};
  std::size_t steps = 0;
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    starling::fuzz::require(node < lefts.size() && ++steps <= (1U << 16), "a walk ends");
    starling::fuzz::require(columns.at(node) < limits.columns, "a column is there");
    if (lefts[node] < 0) continue;
    open.push_back(static_cast<std::size_t>(lefts[node]));
    open.push_back(static_cast<std::size_t>(rights.at(node)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view input = as_text(fuzz::as_bytes_view(data, size));
  const auto limits = ml::check_trees(input);
  if (!limits) {
    fuzz::require(limits.error().code == Errc::corrupt, "what is refused is called corrupt");
    return 0;
  }
  fuzz::count_accepted();
  const Json json = Json::parse(input, nullptr, false);
  fuzz::require(!json.is_discarded(), "what is let through is JSON");
  const auto trees = Json::json_pointer("/learner/gradient_booster/model/trees");
  if (!json.contains(trees) || !json.at(trees).is_array()) return 0;
  for (const Json& tree : json.at(trees))
    if (tree.is_object()) walk(tree, *limits);
  return 0;
}
