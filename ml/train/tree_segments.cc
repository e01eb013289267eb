#include "ml/train/tree_segments.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTrees = R"("trees":[)";
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

/// What each group's margin gains.
std::vector<double> shift_of(std::span<const double> shares) {
  if (shares.size() == 2) return {std::log(shares[1] / shares[0])};
  std::vector<double> shift;
  for (const double share : shares)
    shift.push_back(std::log(share));
  return shift;
}

void shift_leaves(double by, Json& tree) {
  const Json& children = tree.at("left_children");
  Json& values = tree.at("split_conditions");
  for (std::size_t node = 0; node < children.size(); ++node)
    if (children[node] == -1)
      values.at(node) = values.at(node).get<float>() + static_cast<float>(by);
}

}  // namespace

Result<std::string> joined_trees(std::span<const std::string> segments) {
  try {
    Json whole = Json::parse(segments.front());
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

Result<std::string> trees_with_shares(std::string model, std::span<const double> shares) {
  const std::size_t found = model.find(kTrees);
  if (found == std::string::npos) return Error{Errc::corrupt, "these are no trees"};
  const std::size_t begin = found + kTrees.size();
  try {
    std::istringstream rest{model.substr(begin)};
    std::string shifted;
    for (const double by : shift_of(shares)) {
      if (!shifted.empty() && rest.get() != ',')
        return Error{Errc::corrupt, "there are fewer trees than classes"};
      Json tree;
      rest >> tree;  // one value, and no more of the text than that
      shift_leaves(by, tree);
      shifted += (shifted.empty() ? "" : ",") + tree.dump();
    }
    model.replace(begin, static_cast<std::size_t>(rest.tellg()), shifted);
    return model;
  } catch (const Json::exception& e) {
    return Error{Errc::corrupt, fmt::format("these are no trees: {}", e.what())};
  }
}

}  // namespace starling::ml
