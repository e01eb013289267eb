#include "bootstrap/client/study_compare.h"

#include <fmt/format.h>

#include <array>
#include <map>

namespace starling::bootstrap {
namespace {

constexpr std::array kCompared{"params", "state", "value", "best_epoch", "epochs"};

std::map<std::uint64_t, const Json*> by_number(const Json& trials) {
  std::map<std::uint64_t, const Json*> all;
  for (const Json& trial : field(trials, "trials"))
    all[count_field(trial, "number")] = &trial;
  return all;
}

}  // namespace

StudyComparison compare_trials(const Json& first, const Json& again) {
  StudyComparison comparison;
  const auto others = by_number(again);
  for (const auto& [number, trial] : by_number(first)) {
    if (text_field(*trial, "state") == "cancelled") continue;
    ++comparison.trials;
    const std::size_t before = comparison.differences.size();
    const auto other = others.find(number);
    if (other == others.end())
      comparison.differences.push_back(fmt::format("trial {} is missing", number));
    for (const char* name : kCompared) {
      if (other == others.end()) break;
      const Json& was = field(*trial, name);
      const Json& is = field(*other->second, name);
      if (was == is) continue;
      comparison.differences.push_back(
          fmt::format("trial {}: {} was {} and is {}", number, name, was.dump(), is.dump()));
    }
    comparison.same += comparison.differences.size() == before ? 1 : 0;
  }
  return comparison;
}

}  // namespace starling::bootstrap
