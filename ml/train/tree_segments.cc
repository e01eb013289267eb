#include "ml/train/tree_segments.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

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

}  // namespace starling::ml
