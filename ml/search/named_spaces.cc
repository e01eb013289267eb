#include "ml/search/named_spaces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace starling::ml {
namespace {

using Kind = Distribution::Kind;

Distribution real(double low, double high, bool log) {
  Distribution parameter;
  parameter.low = low;
  parameter.high = high;
  parameter.log = log;
  return parameter;
}

Distribution integer(double low, double high, bool log) {
  Distribution parameter = real(low, high, log);
  parameter.kind = Kind::integer;
  parameter.step = 1;
  return parameter;
}

Distribution one_of(std::vector<ParamValue> choices) {
  Distribution parameter;
  parameter.kind = Kind::categorical;
  parameter.choices = std::move(choices);
  return parameter;
}

Distribution fixed(ParamValue value) {
  Distribution parameter;
  parameter.kind = Kind::fixed;
  parameter.value = std::move(value);
  return parameter;
}

Distribution one_of_numbers(std::initializer_list<std::int64_t> numbers) {
  return one_of({numbers.begin(), numbers.end()});
}

/// The ranges of table A1.2-3 that depend on the number of rows.
struct NexusopsRanges {
  std::int64_t layers_min, layers_max;
  double width_min, width_max;
  double dropout_min, dropout_max;
  Distribution batch_size;
};

NexusopsRanges nexusops_ranges(std::size_t rows) {
  if (rows < kSmallTableRows) return {1, 2, 16, 64, 0.2, 0.4, one_of_numbers({8, 16, 32})};
  return {2, 6, 32, 256, 0.2, 0.5, one_of_numbers({16, 32, 64})};
}

/// Of the layer with that number, from 1, where there are so many.
void add_nexusops_layer(const NexusopsRanges& ranges, std::int64_t layer, SearchSpace& space) {
  std::vector<ParamValue> depths;  // that have this layer; empty: all
  for (std::int64_t layers = layer; layer > ranges.layers_min && layers <= ranges.layers_max;)
    depths.emplace_back(layers++);
  const auto add = [&](const char* what, Distribution parameter) {
    if (!depths.empty()) parameter.when["mlp.n_layers"] = depths;
    space.parameters.emplace_back(fmt::format("mlp.{}_{}", what, layer), std::move(parameter));
  };
  add("width", integer(ranges.width_min, ranges.width_max, true));
  add("activation", one_of({"relu", "gelu", "tanh", "sigmoid", "softmax", "identity"}));
  add("norm", one_of({"none", "batch"}));
  add("dropout", real(ranges.dropout_min, ranges.dropout_max, false));
}

/// Ranges around the defaults of XGB-TD, as the studies of Grinsztajn et al. (2022) and Holzmüller
/// et al. (2024) search them, the number of trees left to the patience.
SearchSpace xgboost_space() {
  return {{{"xgb.learning_rate", real(0.01, 0.3, true)},
           {"xgb.max_depth", integer(3, 10, false)},
           {"xgb.min_child_weight", real(1, 100, true)},
           {"xgb.subsample", real(0.5, 1, false)},
           {"xgb.colsample_bylevel", real(0.5, 1, false)},
           {"xgb.reg_lambda", real(1e-3, 100, true)}}};
}

/// Sources: Holzmüller et al. (2024), RealMLP-HPO; Gorishniy et al. (2021 and 2025), made smaller
/// for two cores.
SearchSpace realmlp_space() {
  return {{{"realmlp.learning_rate", real(0.02, 0.3, true)},
           {"realmlp.n_layers", integer(2, 4, false)},
           {"realmlp.width", one_of_numbers({128, 256, 384})},
           {"realmlp.activation", one_of({"mish", "selu"})},
           {"realmlp.dropout", real(0, 0.3, false)},
           {"realmlp.scale_rate", real(2, 10, true)}}};
}

SearchSpace resnet_space() {
  return {{{"resnet.learning_rate", real(1e-4, 1e-2, true)},
           {"resnet.n_layers", integer(1, 8, false)},
           {"resnet.width", integer(64, 256, true)},
           {"resnet.dropout", real(0, 0.5, false)},
           {"resnet.weight_decay", real(1e-6, 1e-2, true)}}};
}

SearchSpace tabm_space() {
  return {{{"tabm.learning_rate", real(1e-4, 5e-3, true)},
           {"tabm.n_layers", integer(1, 4, false)},
           {"tabm.width", integer(64, 256, true)},
           {"tabm.dropout", real(0, 0.5, false)},
           {"tabm.embedding_bins", integer(2, 64, false)},
           {"tabm.weight_decay", real(1e-5, 1e-1, true)}}};
}

SearchSpace networks_only(SearchSpace space) {
  std::erase_if(space.parameters,
                [](const auto& parameter) { return !parameter.first.starts_with("mlp."); });
  return space;
}

}  // namespace

SearchSpace nexusops_space(std::size_t rows) {
  const NexusopsRanges ranges = nexusops_ranges(rows);
  SearchSpace space;
  const auto add = [&space](const char* name, Distribution parameter) {
    space.parameters.emplace_back(name, std::move(parameter));
  };
  add("mlp.n_layers",
      integer(
          static_cast<double>(ranges.layers_min), static_cast<double>(ranges.layers_max), false));
  for (std::int64_t layer = 1; layer <= ranges.layers_max; ++layer)
    add_nexusops_layer(ranges, layer, space);
  add("mlp.weight_decay", real(1e-6, 1e-2, true));
  add("mlp.optimizer", one_of({"adam", "adamw", "sgd"}));
  Distribution beta1 = real(0.85, 0.99, false);
  beta1.when = {{"mlp.optimizer", {"adam", "adamw"}}};
  add("mlp.beta1", std::move(beta1));
  Distribution momentum = fixed(0.0);
  momentum.when = {{"mlp.optimizer", {"sgd"}}};
  add("mlp.momentum", std::move(momentum));
  add("mlp.learning_rate", real(1e-5, 1e-2, true));
  add("mlp.batch_size", ranges.batch_size);
  add("mlp.epochs", integer(30, 80, false));
  add("mlp.patience", integer(5, 12, false));
  add("mlp.grad_clip", real(0.5, 3, false));
  add("mlp.schedule", one_of({"constant", "cosine"}));
  add("mlp.init", one_of({"xavier", "kaiming"}));
  add("encode.numbers", fixed("standard"));
  return space;
}

Result<SearchSpace> space_named(std::string_view name, std::size_t rows, std::size_t numbers) {
  if (name == kSpaceNames[0]) return default_space(numbers);
  if (name == kSpaceNames[1]) return nexusops_space(rows);
  return Error{Errc::invalid_argument,
               fmt::format("\"{:.40}\" is none of {}", name, fmt::join(kSpaceNames, ", "))};
}

SearchSpace default_space(std::size_t numbers) {
  SearchSpace space{{{"mlp.learning_rate", real(1e-4, 1e-2, true)},
                     {"mlp.n_layers", integer(1, 4, false)},
                     {"mlp.width", integer(32, 256, true)},
                     {"mlp.dropout", real(0, 0.5, false)},
                     {"mlp.weight_decay", real(1e-6, 1e-1, true)},
                     {"mlp.batch_size", one_of_numbers({32, 64, 128, 256})},
                     {"mlp.activation", one_of({"relu", "silu"})},
                     {"encode.numbers", one_of({"robust", "quantile"})}}};
  if (numbers == 0 || numbers > kEmbeddedNumbersMax) return space;
  Distribution scale = real(0.03, 3, true);
  scale.when = {{"mlp.embedding", {"periodic"}}};
  space.parameters.emplace_back("mlp.embedding", one_of({"none", "periodic", "piecewise"}));
  space.parameters.emplace_back("mlp.embedding_scale", std::move(scale));
  return space;
}

SearchSpace families_space(std::span<const std::string> families, std::size_t numbers) {
  SearchSpace space;
  const auto add_family = [&](const std::string& family, const SearchSpace& own) {
    if (std::ranges::find(families, family) == families.end()) return;
    for (auto [name, parameter] : own.parameters) {
      parameter.when.insert_or_assign("family", std::vector<ParamValue>{family});
      space.parameters.emplace_back(name, std::move(parameter));
    }
  };
  const bool has_one = families.size() == 1;
  if (has_one && families.front() == "mlp") return default_space(numbers);
  space.parameters.emplace_back(
      "family", has_one ? fixed(families.front()) : one_of({families.begin(), families.end()}));
  add_family("linear", SearchSpace{{{"linear.l2", real(1e-6, 10, true)}}});
  add_family("xgboost", xgboost_space());
  add_family("mlp", networks_only(default_space(numbers)));
  add_family("realmlp", realmlp_space());
  add_family("resnet", resnet_space());
  add_family("tabm", tabm_space());
  std::vector<ParamValue> scaled;  // what numbers become matters to these
  for (const std::string& family : families)
    if (family != "baseline" && family != "xgboost") scaled.emplace_back(family);
  if (scaled.empty()) return space;
  Distribution encoding = one_of({"robust", "quantile"});
  encoding.when = {{"family", scaled}};
  space.parameters.emplace_back("encode.numbers", std::move(encoding));
  return space;
}

Params default_params() {
  return {{"mlp.learning_rate", 3e-3},
          {"mlp.n_layers", std::int64_t{2}},
          {"mlp.width", std::int64_t{128}},
          {"mlp.dropout", 0.1},
          {"mlp.weight_decay", 1e-4},
          {"mlp.batch_size", std::int64_t{64}},
          {"mlp.activation", "relu"},
          {"mlp.embedding", "piecewise"},
          {"encode.numbers", "robust"}};
}

std::vector<Params> default_portfolio() {
  Params network = default_params();
  network["family"] = "mlp";
  return {{{"family", "xgboost"},
           {"xgb.learning_rate", 0.05},
           {"xgb.max_depth", std::int64_t{6}},
           {"xgb.min_child_weight", 2.0},
           {"xgb.subsample", 0.7},
           {"xgb.colsample_bylevel", 0.9},
           {"xgb.reg_lambda", 1.0}},
          {{"family", "realmlp"},
           {"realmlp.learning_rate", 0.06},
           {"realmlp.n_layers", std::int64_t{3}},
           {"realmlp.width", std::int64_t{256}},
           {"realmlp.activation", "mish"},
           {"realmlp.dropout", 0.0},
           {"realmlp.scale_rate", 6.0},
           {"encode.numbers", "robust"}},
          std::move(network),
          {{"family", "tabm"},
           {"tabm.learning_rate", 2e-3},
           {"tabm.n_layers", std::int64_t{2}},
           {"tabm.width", std::int64_t{128}},
           {"tabm.dropout", 0.1},
           {"tabm.embedding_bins", std::int64_t{32}},
           {"tabm.weight_decay", 3e-4},
           {"encode.numbers", "quantile"}},
          {{"family", "resnet"},
           {"resnet.learning_rate", 1e-3},
           {"resnet.n_layers", std::int64_t{4}},
           {"resnet.width", std::int64_t{128}},
           {"resnet.dropout", 0.1},
           {"resnet.weight_decay", 1e-5},
           {"encode.numbers", "quantile"}},
          {{"family", "linear"}, {"linear.l2", 1e-3}, {"encode.numbers", "robust"}},
          {{"family", "baseline"}}};
}

}  // namespace starling::ml
