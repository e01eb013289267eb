#include "ml/export/c_trees.h"

#include "ml/train/tree_check.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

// Encoded rows hold no NaN, so no node needs the way that what is missing would go.
constexpr CHelper kNode{.code = R"(
/* The left child is so many nodes on, the right one behind it; 0: a leaf. */
struct st_node {
  int left, column;
  float value;
};

static float st_leaf(const struct st_node *node, const float *x)
{
  while (node->left != 0)
    node += x[node->column] < node->value ? node->left : node->left + 1;
  return node->value;
}
)"};

// As XGBoost 1.7, common::Sigmoid.
constexpr CHelper kSigmoid{.code = R"(
static float st_sigmoid(float v)
{
  const float exponent = -v < 88.7f ? -v : 88.7f;
  return 1.0f / (expf(exponent) + 1.0f + 1e-16f);
}
)"};

/// Lists that prediction does not need are most of a file.
const std::set<std::string, std::less<>>& unneeded() {
  static const std::set<std::string, std::less<>> kUnneeded{
      "base_weights", "default_left", "loss_changes", "parents", "split_type", "sum_hessian"};
  return kUnneeded;
}

Json parsed(std::string_view text) {
  return Json::parse(text, [](int, Json::parse_event_t event, Json& said) {
    return event != Json::parse_event_t::key ||
           !unneeded().contains(said.get_ref<const std::string&>());
  });
}

/// What the attribute of this program says.
struct Head {
  bool is_regression = true;
  std::size_t outputs = 1;
  CUnits units;
};

Head head_of(const Json& learner) {
  const Json head = Json::parse(learner.at("attributes").at("starling").get<std::string>());
  if (head.at("format") != 1) throw std::invalid_argument("its head has another format");
  return {head.at("task") == "regression",
          head.at("outputs").get<std::size_t>(),
          {head.at("scale").get<double>(),
           head.at("shift").get<double>(),
           head.at("log1p").get<bool>()}};
}

float float_of(double number) {
  const bool is_finite = std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max());
  if (!is_finite) throw std::invalid_argument("it has a number that no float holds");
  return static_cast<float>(number);
}

/// Trees one after the other, as C walks them.
struct Forest {
  std::vector<std::string> nodes;
  std::vector<std::string> roots;
  std::vector<std::string> groups;  ///< the output that each tree adds to
};

std::string node_text(std::size_t left, std::int64_t column, float value) {
  return fmt::format("{{{},{},{}}}", left, column, c_float(value));
}

/// By levels, so that children are neighbours; nodes that no other leads to are left out.
void add_tree(const Json& tree, Forest& forest) {
  const Json& lefts = tree.at("left_children");
  const Json& rights = tree.at("right_children");
  const Json& columns = tree.at("split_indices");
  const Json& values = tree.at("split_conditions");
  std::vector<std::size_t> order{0};
  forest.roots.push_back(fmt::format("{}", forest.nodes.size()));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t node = order[i];
    const float value = float_of(values.at(node).get<double>());
    if (lefts.at(node).get<std::int64_t>() < 0) {
      forest.nodes.push_back(node_text(0, 0, value));
      continue;
    }
    forest.nodes.push_back(
        node_text(order.size() - i, columns.at(node).get<std::int64_t>(), value));
    order.push_back(lefts.at(node).get<std::size_t>());
    order.push_back(rights.at(node).get<std::size_t>());
    if (order.size() > lefts.size()) throw std::invalid_argument("two nodes lead to the same");
  }
}

Forest forest_of(const Json& booster) {
  Forest forest;
  for (const Json& tree : booster.at("trees"))
    add_tree(tree, forest);
  for (const Json& group : booster.at("tree_info"))
    forest.groups.push_back(fmt::format("{}", group.get<std::int64_t>()));
  return forest;
}

/// Where the sum of the leaves begins: of two classes the file says a chance.
float first_margin(const Json& learner, bool is_chance) {
  const auto text = learner.at("learner_model_param").at("base_score").get<std::string>();
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("its base score is no number");
  const float score = float_of(number);
  return is_chance ? -std::log(1.0F / score - 1.0F) : score;
}

class TreesWriter {
 public:
  TreesWriter(const CModel& model, CSource& source) : model_(model), source_(source) {}

  void write(const Head& head, const Forest& forest, float margin) {
    source_.need(kNode);
    const bool has_groups = !model_.is_regression && model_.outputs > 2;
    const auto nodes = source_.table("nodes", "struct st_node", forest.nodes);
    const auto roots = source_.table("roots", "int", forest.roots);
    const auto leaf = fmt::format("st_leaf({} + {}[i], x)", nodes, roots);
    const auto loop = fmt::format("  for (int i = 0; i < {}; ++i)\n", forest.roots.size());
    std::string lines;
    if (has_groups) {
      const auto groups = source_.table("groups", "int", forest.groups);
      source_.need(c_softmax());
      lines = fmt::format(
          "  for (int k = 0; k < {}; ++k)\n    y[k] = {};\n{}    y[{}[i]] += {};\n"
          "  st_softmax(y, {});\n",
          model_.outputs,
          c_float(margin),
          loop,
          groups,
          leaf,
          model_.outputs);
    } else {
      lines = fmt::format("  y[0] = {};\n{}    y[0] += {};\n", c_float(margin), loop, leaf);
      lines += model_.is_regression ? c_units_line(head.units, source_) : chances();
    }
    source_.add(c_model_function(model_, lines));
  }

 private:
  /// The trees tell of the second of two classes.
  std::string chances() {
    source_.need(kSigmoid);
    return "  y[1] = st_sigmoid(y[0]);\n  y[0] = 1.0f - y[1];\n";
  }

  const CModel& model_;
  CSource& source_;
};

}  // namespace

Result<> write_trees(std::string_view json, const CModel& model, CSource& source) {
  const auto limits = check_trees(json);
  if (!limits) return limits.error();
  try {
    const Json file = parsed(json);
    const Json& learner = file.at("learner");
    const Head head = head_of(learner);
    const std::size_t groups = model.is_regression || model.outputs == 2 ? 1 : model.outputs;
    const std::string_view objective = model.is_regression ? "reg:squarederror"
                                       : groups == 1       ? "binary:logistic"
                                                           : "multi:softprob";
    const bool fits = learner.at("objective").at("name") == objective &&
                      head.is_regression == model.is_regression && head.outputs == model.outputs &&
                      static_cast<std::size_t>(limits->groups) == groups &&
                      static_cast<std::size_t>(limits->columns) <= model.inputs;
    if (!fits) return c_model_error(model, "the trees are of other columns or classes");
    const float margin = first_margin(learner, !model.is_regression && groups == 1);
    if (!std::isfinite(margin)) return c_model_error(model, "its base score is no chance");
    const Forest forest = forest_of(learner.at("gradient_booster").at("model"));
    TreesWriter{model, source}.write(head, forest, margin);
    return {};
  } catch (const std::exception& e) {
    return c_model_error(model, e.what());
  }
}

}  // namespace starling::ml
