#include "bootstrap/client/split_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>

namespace starling::bootstrap {
namespace {

constexpr const char* kGroup = "Which rows train, validate and test (by their content unless said)";

Error not_understood(const std::string& text) {
  return {Errc::invalid_argument,
          fmt::format("--split \"{:.60}\" is none of holdout, kfold:N, group:COLUMN, time:COLUMN, "
                      "column:COLUMN, or JSON such as "
                      "{{\"method\":\"time\",\"column\":\"day\",\"gap\":7}}",
                      text)};
}

/// METHOD or METHOD:WHAT.
Result<Json> short_form(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string method = text.substr(0, colon);
  const std::string what = colon == std::string::npos ? "" : text.substr(colon + 1);
  constexpr std::array kMethods{"auto", "holdout", "kfold", "group", "time", "column"};
  if (std::ranges::find(kMethods, method) == kMethods.end()) return not_understood(text);
  Json split{{"method", method}};
  if (colon == std::string::npos) return as_result(std::move(split));
  if (method == "group" || method == "time" || method == "column") {
    split["column"] = what;
    return as_result(std::move(split));
  }
  unsigned folds = 0;
  const auto [end, problem] = std::from_chars(what.data(), what.data() + what.size(), folds);
  const bool is_number = problem == std::errc{} && end == what.data() + what.size();
  if (method != "kfold" || !is_number) return not_understood(text);
  split["folds"] = folds;
  return as_result(std::move(split));
}

std::string check_text(const std::string& text) {
  SplitFlags flags;
  flags.split = text;
  const auto split = split_json(flags);
  return split ? "" : split.error().detail;
}

}  // namespace

void add_split_flags(CLI::App& command, SplitFlags& flags) {
  auto* split = command.add_option(
      "--split",
      flags.split,
      "holdout, kfold:N, group:COLUMN (equal values stay together), time:COLUMN (the newest test), "
      "column:COLUMN (it holds train, validation, test), or JSON");
  split->check(CLI::Validator(check_text, "HOW"))->group(kGroup);
  auto* test = command.add_option("--test", flags.test_file, "CSV file with the rows to test on");
  test->check(CLI::ExistingFile)->excludes(split)->group(kGroup);
  command
      .add_option("--validation", flags.validation_file, "CSV file with the rows to validate on")
      ->check(CLI::ExistingFile)
      ->needs(test)
      ->group(kGroup);
}

Result<Json> split_json(const SplitFlags& flags) {
  if (flags.split.empty()) return as_result(nullptr);
  if (!flags.split.starts_with('{')) return short_form(flags.split);
  Json split = Json::parse(flags.split, nullptr, false);
  if (!split.is_object()) return not_understood(flags.split);
  return as_result(std::move(split));
}

}  // namespace starling::bootstrap
