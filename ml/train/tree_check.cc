#include "ml/train/tree_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kNoChild = -1;
constexpr std::int64_t kNoParent = 2147483647;
constexpr std::size_t kNestedMax = 64;
constexpr std::array<std::string_view, 3> kObjectives{
    "reg:squarederror", "binary:logistic", "multi:softprob"};

/// Those of a tree that lead somewhere.
enum List : std::size_t { lefts, rights, parents, columns, types, others, groups, none };

List list_named(std::string_view key) {
  if (key == "left_children") return lefts;
  if (key == "right_children") return rights;
  if (key == "parents") return parents;
  if (key == "split_indices") return columns;
  if (key == "split_type") return types;
  if (key == "tree_info") return groups;
  return key.starts_with("categories") ? others : none;
}

/// Reads a file once; of each tree it keeps the lists until the tree ends.
class Reader : public nlohmann::json_sax<Json> {
 public:
  TreeLimits limits;
  std::string complaint;

  bool null() override { return is_no_list(); }

  bool boolean(bool) override { return is_no_list(); }

  bool number_integer(std::int64_t number) override { return take(number); }

  bool number_unsigned(std::uint64_t number) override {
    return take(static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX)));
  }

  bool number_float(double, const std::string&) override { return is_no_list(); }

  bool string(std::string& text) override {
    if (is_at({"learner", "gradient_booster", "name"}) && text != "gbtree")
      return refuse("is of another booster than gbtree");
    if (is_at({"learner", "objective", "name"}) &&
        std::ranges::find(kObjectives, text) == kObjectives.end())
      return refuse("answers something else than numbers or chances");
    if (is_at({"learner", "gradient_booster", "model", "gbtree_model_param", "num_trees"}))
      return read_count(text, told_trees_);
    if (is_at({"learner", "learner_model_param", "num_class"})) return read_count(text, classes_);
    if (is_at({"learner", "learner_model_param", "num_target"})) return read_count(text, targets_);
    return is_no_list();
  }

  bool binary(Json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return is_no_list() && open(); }

  bool key(std::string& name) override {
    if (!names_.back().insert(name).second) return refuse("has a name twice");
    keys_.back() = name;
    list_ = none;
    return true;
  }

  bool end_object() override {
    close();
    return keys_.size() != kTreeDepth || end_tree();
  }

  bool start_array(std::size_t) override {
    if (!is_no_list()) return false;
    const bool is_of_tree = keys_.size() == kTreeDepth + 1;
    const List named = keys_.empty() ? none : list_named(keys_.back());
    if (named == groups ? keys_.size() == 4 : is_of_tree) list_ = named;
    return open();
  }

  bool end_array() override {
    list_ = none;
    close();
    return true;
  }

  /// What can be told when all is read.
  bool end() {
    limits.groups = std::max({classes_, targets_, std::int64_t{1}});
    const auto told = static_cast<std::size_t>(told_trees_);
    if (told_trees_ < 1 || told != trees_ || ids_ != trees_ || told_groups_ != trees_)
      return refuse("is the last, and the file says that there are more or fewer");
    return most_group_ < limits.groups || refuse("or one before adds to no output");
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("ends or breaks off: it is no JSON");
  }

 private:
  /// learner, gradient_booster, model, trees, and the list of them.
  static constexpr std::size_t kTreeDepth = 5;

  bool refuse(std::string_view why) {
    if (complaint.empty()) complaint = fmt::format("tree {} {}", trees_, why);
    return false;
  }

  bool is_no_list() {
    return list_ == none || refuse("names a node by something else than a whole number");
  }

  bool open() {
    keys_.emplace_back();
    names_.emplace_back();
    return keys_.size() <= kNestedMax || refuse("is nested too deep");
  }

  void close() {
    keys_.pop_back();
    names_.pop_back();
  }

  bool is_at(std::initializer_list<std::string_view> path) const {
    return std::ranges::equal(keys_, path);
  }

  /// A whole number that is written as text.
  bool read_count(const std::string& text, std::int64_t& count) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
    const bool is_whole = code == std::errc{} && end == text.data() + text.size();
    return (is_whole && count >= 0 && count < INT32_MAX) || refuse("is one of no number of them");
  }

  bool take(std::int64_t number) {
    const bool is_id = keys_.size() == kTreeDepth + 1 && keys_.back() == "id";
    if (is_id && number != static_cast<std::int64_t>(trees_)) return refuse("has another's number");
    if (is_id) ++ids_;
    if (list_ == none) return true;
    if (list_ == others) return refuse("knows categories");
    if (list_ == types && number != 0) return refuse("knows categories");
    if (list_ != groups) {
      lists_[list_].push_back(number);
      return true;
    }
    if (number < 0 || number >= INT32_MAX) return refuse("adds to no output");
    most_group_ = std::max(most_group_, number);
    ++told_groups_;
    return true;
  }

  bool end_tree() {
    const auto nodes = static_cast<std::int64_t>(lists_[lefts].size());
    for (const List list : {lefts, rights, parents, columns, types})
      if (static_cast<std::int64_t>(lists_[list].size()) != nodes || nodes == 0)
        return refuse("has lists of different lengths");
    for (std::int64_t node = 0; node < nodes; ++node)
      if (!is_node(static_cast<std::size_t>(node))) return refuse("leads nowhere");
    for (auto& list : lists_)
      list.clear();
    ++trees_;
    return true;
  }

  bool is_node(std::size_t node) {
    const auto nodes = static_cast<std::int64_t>(lists_[lefts].size());
    const auto own = static_cast<std::int64_t>(node);
    const std::int64_t left = lists_[lefts][node];
    const std::int64_t right = lists_[rights][node];
    const std::int64_t parent = lists_[parents][node];
    const std::int64_t column = lists_[columns][node];
    const auto is_below = [&](std::int64_t child) { return child > own && child < nodes; };
    const bool is_leaf = left == kNoChild && right == kNoChild;
    const bool has_parent = node == 0 ? parent == kNoParent : parent >= 0 && parent < own;
    if (column < 0 || column >= INT32_MAX) return false;
    limits.columns = std::max(limits.columns, column + 1);
    return has_parent && (is_leaf || (is_below(left) && is_below(right)));
  }

  std::vector<std::string> keys_;  ///< of what is open; a list has none
  List list_ = none;               ///< that numbers now belong to
  std::array<std::vector<std::int64_t>, none> lists_;
  std::vector<std::set<std::string>> names_;  ///< of each object that is open
  std::size_t trees_ = 0, ids_ = 0, told_groups_ = 0;
  std::int64_t told_trees_ = -1, classes_ = 0, targets_ = 0, most_group_ = -1;
};

}  // namespace

Result<TreeLimits> check_trees(std::string_view json) {
  Reader reader;
  const bool is_read = Json::sax_parse(json, &reader) && reader.end();
  if (is_read && reader.complaint.empty()) return reader.limits;
  return Error{Errc::corrupt,
               fmt::format("not a model of trees: {}",
                           reader.complaint.empty() ? "it cannot be read" : reader.complaint)};
}

}  // namespace starling::ml
