#include "ml/train/tree_segments.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNoTrees = R"("trees":[])";

Json& trees_of(Json& file) {
  return file.at("learner").at("gradient_booster").at("model");
}

/// The trees of all segments as texts, so that only one segment at a time is taken apart.
struct Collected {
  std::string trees;
  Json groups = Json::array();

  void take(Json& model) {
    for (Json& tree : model.at("trees")) {
      tree.at("id") = count_++;
      if (!trees.empty()) trees += ',';
      trees += tree.dump();
    }
    for (Json& group : model.at("tree_info"))
      groups.push_back(std::move(group));
  }

  std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
};

void raise_leaves(double by, Json& tree) {
  const Json& children = tree.at("left_children");
  Json& values = tree.at("split_conditions");
  for (std::size_t node = 0; node < children.size(); ++node)
    if (children[node] == -1)
      values.at(node) = values.at(node).get<float>() + static_cast<float>(by);
}

/// A round has one tree of each group, in their order.
void adjust(std::span<const double> by, Json& model) {
  for (std::size_t group = 0; group < by.size(); ++group)
    raise_leaves(by[group], model.at("trees").at(group));
}

}  // namespace

Result<std::string> joined_trees(std::span<const std::string> segments,
                                 std::span<const double> adjustment) {
  try {
    Json whole = Json::parse(segments.front());
    adjust(adjustment, trees_of(whole));
    Collected all;
    all.take(trees_of(whole));
    for (const std::string& segment : segments.subspan(1)) {
      Json file = Json::parse(segment);
      all.take(trees_of(file));
    }
    Json& model = trees_of(whole);
    model.at("trees") = Json::array();
    model.at("tree_info") = std::move(all.groups);
    model.at("gbtree_model_param").at("num_trees") = std::to_string(all.count());
    std::string text = whole.dump();
    text.insert(text.find(kNoTrees) + kNoTrees.size() - 1, all.trees);
    return text;
  } catch (const Json::exception& e) {
    return Error{Errc::corrupt, fmt::format("these are no trees: {}", e.what())};
  }
}

}  // namespace starling::ml
