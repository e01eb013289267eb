#include "ml/search/plan_rules.h"

#include "ml/search/family_spec.h"
#include "ml/search/named_spaces.h"
#include "ml/search/sampler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace starling::ml {
namespace {

using Decisions = std::vector<Decision>;
using Families = std::vector<std::string>;

void leave_out(Families& families, std::initializer_list<std::string_view> names) {
  std::erase_if(families, [names](const std::string& family) {
    return std::ranges::find(names, family) != names.end();
  });
}

Distribution* find(SearchSpace& space, std::string_view name) {
  const auto found =
      std::ranges::find(space.parameters, name, &decltype(space.parameters)::value_type::first);
  return found == space.parameters.end() ? nullptr : &found->second;
}

/// Changes ranges of a space and remembers what they became.
class Narrowing {
 public:
  explicit Narrowing(SearchSpace& space) : space_(space) {}

  Narrowing& range(std::string_view name, double low, double high) {
    Distribution* parameter = find(space_, name);
    if (parameter == nullptr || parameter->kind == Distribution::Kind::fixed) return *this;
    const double least = std::max(low, parameter->low);
    const double most = std::min(high, parameter->high);
    if (least > most || (least == parameter->low && most == parameter->high)) return *this;
    parameter->low = least;
    parameter->high = most;
    changed_.push_back(fmt::format("{} {:g} to {:g}", name, least, most));
    return *this;
  }

  Narrowing& choices(std::string_view name, std::initializer_list<std::int64_t> numbers) {
    Distribution* parameter = find(space_, name);
    if (parameter == nullptr || parameter->kind != Distribution::Kind::categorical) return *this;
    parameter->choices.assign(numbers.begin(), numbers.end());
    changed_.push_back(fmt::format("{} {}", name, fmt::join(numbers, " or ")));
    return *this;
  }

  void decide(std::string reason, Decisions& decisions) {
    if (changed_.empty()) return;
    decisions.push_back(
        {"search_space", fmt::format("{}", fmt::join(changed_, ", ")), std::move(reason)});
    changed_.clear();
  }

 private:
  SearchSpace& space_;
  std::vector<std::string> changed_;
};

constexpr double kAny = 1e300;

void narrow_by_rows(const PlanFacts& facts, SearchSpace& space, Decisions& decisions) {
  Narrowing narrowing{space};
  if (facts.rows < kSmallTableRows) {
    narrowing.range("mlp.n_layers", 1, 2)
        .range("mlp.width", 16, 64)
        .choices("mlp.batch_size", {16, 32, 64})
        .range("xgb.max_depth", 0, 6)
        .decide(fmt::format("{} rows: large models would learn them by heart", facts.rows),
                decisions);
  } else if (facts.rows >= kLargeTableRows) {
    narrowing.choices("mlp.batch_size", {256, 512, 1024})
        .decide(
            fmt::format("{} rows: small batches would take long and say little more", facts.rows),
            decisions);
  }
}

void narrow_by_classes(const PlanFacts& facts, SearchSpace& space, Decisions& decisions) {
  if (!facts.least_class || *facts.least_class >= kRareClass) return;
  Narrowing{space}
      .range("mlp.weight_decay", 1e-5, kAny)
      .decide(fmt::format("the rarest class has {:.1f} % of the rows, and networks learn few rows "
                          "by heart",
                          *facts.least_class * 100),
              decisions);
}

bool is_below(double limit, double bound) {
  return limit > 0 && limit < bound;
}

void narrow_by_constraints(const Constraints& constraints,
                           SearchSpace& space,
                           Decisions& decisions) {
  Narrowing narrowing{space};
  if (constraints.is_interpretable) {
    narrowing.range("xgb.max_depth", 0, 3)
        .decide("trees of three questions each can be read", decisions);
  }
  if (is_below(constraints.predict_ms, kNarrowPredictMs) ||
      is_below(constraints.model_mb, kNarrowModelMb)) {
    narrowing.range("xgb.max_depth", 0, 5)
        .range("mlp.n_layers", 1, 2)
        .range("mlp.width", 16, 128)
        .decide(
            is_below(constraints.model_mb, kNarrowModelMb)
                ? fmt::format("the model's file is to stay within {:g} MB", constraints.model_mb)
                : fmt::format("an answer is to take {:g} ms at most", constraints.predict_ms),
            decisions);
  }
}

}  // namespace

std::uint32_t folds_for(const PlanFacts& facts, Decisions& decisions) {
  const bool fills_folds =
      facts.rows >= kFoldedRowsMin && facts.largest_class.value_or(facts.rows) >= kFoldedClassMin;
  if (facts.rows >= kSmallTableRows || !fills_folds) return 1;
  decisions.push_back(
      {"split",
       fmt::format("kfold, {} folds", kSmallTableFolds),
       fmt::format("of {} rows, those of one hold-out would be too few to tell trials apart",
                   facts.rows)});
  return kSmallTableFolds;
}

bool needs_one_model(const Constraints& constraints, Decisions& decisions) {
  std::string reason;
  if (is_below(constraints.predict_ms, kBagPredictMs)) {
    reason = fmt::format("a bag asks up to forty models, and an answer is to take {:g} ms at most",
                         constraints.predict_ms);
  } else if (is_below(constraints.model_mb, kBagModelMb)) {
    reason = fmt::format("a bag holds up to forty models, and its file is to stay within {:g} MB",
                         constraints.model_mb);
  } else if (constraints.is_interpretable) {
    reason = "a model that is to be read is one model";
  }
  if (reason.empty()) return false;
  decisions.push_back({"final", "refit", std::move(reason)});
  return true;
}

Families families_for(const Constraints& constraints, Decisions& decisions) {
  Families families{kUsualFamilies.begin(), kUsualFamilies.end()};
  if (constraints.is_interpretable) {
    leave_out(families, {"mlp"});
    decisions.push_back({"families",
                         fmt::format("{}", fmt::join(families, ", ")),
                         "the model is to be interpretable: no networks"});
  }
  if (is_below(constraints.model_mb, kNoTreesModelMb)) {
    leave_out(families, {"xgboost"});
    decisions.push_back(
        {"families",
         fmt::format("{}", fmt::join(families, ", ")),
         fmt::format("hundreds of trees do not fit into {:g} MB", constraints.model_mb)});
  }
  return families;
}

bool leave_out_too_large(const PlanFacts& facts,
                         const SearchSpace& space,
                         Families& families,
                         Decisions& decisions) {
  if (facts.largest_node_mb == 0 || !facts.peak_mb) return false;
  const std::size_t before = families.size();
  for (const Params& first : first_trials(space)) {
    const std::string family = family_of(first);
    const std::uint64_t needed = facts.peak_mb(first);
    if (needed <= facts.largest_node_mb || families.size() == 1) continue;
    if (std::erase(families, family) == 0) continue;
    decisions.push_back(
        {"families",
         "without " + family,
         fmt::format("a trial of it is predicted to need {} MB, and the largest node gives {} MB "
                     "now",
                     needed,
                     facts.largest_node_mb)});
  }
  return families.size() < before;
}

void narrow(const PlanFacts& facts,
            const Constraints& constraints,
            SearchSpace& space,
            Decisions& decisions) {
  narrow_by_rows(facts, space, decisions);
  narrow_by_classes(facts, space, decisions);
  narrow_by_constraints(constraints, space, decisions);
}

}  // namespace starling::ml
