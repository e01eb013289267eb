/// From what a person asked to a complete StudySpec: everything inferred is decided here, once,
/// before the study enters the log.
#pragma once

#include "ml/study/command.h"
#include "ml/study/split_plan.h"
#include "ml/study/study.h"
#include "ml/table/profile.h"
#include "node/base/error.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// docs/api.md, Study. Unset fields are inferred.
struct StudyRequest {
  std::string dataset;
  std::string target;
  std::optional<std::string> name;
  std::optional<std::string> task;
  std::optional<std::string> metric;
  std::optional<std::string> direction;  ///< minimize or maximize
  std::optional<std::uint32_t> trials;
  std::optional<std::uint64_t> time_limit_s;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint32_t> parallelism;
  std::optional<std::string> search_space_json;
  std::optional<std::string> search_space_name;  ///< instead: one that is there by name
  std::vector<std::string> families;             ///< instead: the default spaces of these
  std::optional<std::string> engine;             ///< native or torch: becomes a fixed parameter
  std::optional<std::string> class_weight;       ///< none or balanced: becomes a fixed parameter
  std::vector<Params> initial;
  std::optional<std::uint32_t> epochs;
  std::optional<std::uint32_t> patience;
  std::string use_case;
  std::vector<std::string> tags;
  std::optional<SplitSpec> split;
  std::optional<std::string> pruner;       ///< none or asha
  std::optional<std::string> final_model;  ///< bag, refit or refit_all
  std::optional<Constraints> constraints;  ///< none: what the words of `use_case` ask for
  std::optional<std::int32_t> priority;
  std::map<std::string, std::string> required_labels;
};

/// What a study may count on.
struct SwarmFacts {
  std::uint32_t slots = 1;                      ///< of all nodes: the default parallelism
  std::uint32_t feature_level = kFeatureLevel;  ///< nothing is planned that it does not know
  std::uint64_t largest_node_mb = 0;            ///< for one trial; 0: not known
  /// What a trial of that study is predicted to need, in MB, where it learns from the columns that
  /// the profile has; may be empty.
  std::function<std::uint64_t(const Params&, const TableProfile&, const StudySpec&)> peak_mb = {};
};

/// `find` finds what a split names. What nobody asked for is decided by ml/search/plan_rules.h, and
/// said in `decisions`.
/// Errors: `invalid_argument`; the name of the failing request field begins the detail,
///         before a colon: "target: no column \"chrages\"...".
Result<StudySpec> complete_spec(const StudyRequest& request,
                                const Dataset& dataset,
                                const TableProfile& profile,
                                const SwarmFacts& swarm,
                                const FindDataset& find);

/// Of a study whose objective is an outside program: its search space is given, with any names; its
/// metric is any name. Errors: as above.
Result<StudySpec> complete_outside_spec(const StudyRequest& request, std::uint32_t slots);

inline constexpr std::size_t kDatasetNameMax = 128;  ///< bytes

/// 1 to `most` bytes without control characters.
bool is_dataset_name(std::string_view name, std::size_t most = kDatasetNameMax);

/// Whether a spec that was completed elsewhere could have been completed here: names, ranges, the
/// search space. Errors: `invalid_argument`, as above.
Result<> check_spec(const StudySpec& spec);

}  // namespace starling::ml
