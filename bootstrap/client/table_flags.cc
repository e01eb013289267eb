#include "bootstrap/client/table_flags.h"

#include "bootstrap/client/http_client.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace starling::bootstrap {
namespace {

constexpr const char* kGroup = "How the file is written (found out unless said)";

std::string check_assignment(const std::string& text) {
  const std::size_t sign = text.rfind('=');
  if (sign != std::string::npos && sign > 0 && sign + 1 < text.size()) return "";
  return "\"" + text + "\" is not COLUMN=VALUE";
}

/// A column's name may hold the sign, a type or role does not.
void put(nlohmann::ordered_json& columns,
         const std::vector<std::string>& assignments,
         const char* field) {
  for (const std::string& text : assignments) {
    const std::size_t sign = text.rfind('=');
    columns[text.substr(0, sign)][field] = text.substr(sign + 1);
  }
}

}  // namespace

void add_table_flags(CLI::App& command, TableFlags& flags) {
  const CLI::Validator assignment{check_assignment, "COLUMN=VALUE"};
  command.add_option("--delimiter", flags.delimiter, "Between the fields: one character, or tab")
      ->group(kGroup);
  command.add_option("--decimal", flags.decimal, "In numbers: . or ,")->group(kGroup);
  command.add_option("--encoding", flags.encoding, "For example utf-8, utf-16le, windows-1252")
      ->group(kGroup);
  auto* header = command.add_flag("--header", flags.has_header, "The first line names the columns");
  header->group(kGroup);
  command.add_flag("--no-header", flags.has_no_header, "The first line is a row")
      ->excludes(header)
      ->group(kGroup);
  command
      .add_option(
          "--skip", flags.skip, "Records above the header to leave out; empty lines are none")
      ->group(kGroup);
  command
      .add_option(
          "--type",
          flags.types,
          "Of a column: number, integer, category, date, boolean, id or text; may be repeated")
      ->allow_extra_args(false)
      ->check(assignment)
      ->group(kGroup);
  command
      .add_option("--role",
                  flags.roles,
                  "Of a column: feature, ignore, id, group, time or weight; may be repeated")
      ->allow_extra_args(false)
      ->check(assignment)
      ->group(kGroup);
}

std::string query_of(const TableFlags& flags) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query += fmt::format("&{}={}", name, url_encoded(value));
  };
  add("delimiter", flags.delimiter);
  add("decimal", flags.decimal);
  add("encoding", flags.encoding);
  if (flags.has_header) add("header", "true");
  if (flags.has_no_header) add("header", "false");
  if (flags.skip) add("skip", std::to_string(*flags.skip));
  nlohmann::ordered_json columns;
  put(columns, flags.types, "type");
  put(columns, flags.roles, "role");
  if (!columns.empty())
    add("columns", columns.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return query;
}

}  // namespace starling::bootstrap
