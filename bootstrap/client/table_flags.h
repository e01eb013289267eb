/// What a person says of a CSV file on the command line, for `dataset add` and `run`.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace starling::bootstrap {

struct TableFlags {
  std::string delimiter;
  std::string decimal;
  std::string encoding;
  bool has_header = false;  ///< said so; neither: found out
  bool has_no_header = false;
  std::optional<unsigned> skip;
  std::vector<std::string> types;  ///< COLUMN=TYPE
  std::vector<std::string> roles;  ///< COLUMN=ROLE
  bool is_named = false;           ///< the dataset's name was said as well
};

void add_table_flags(CLI::App& command, TableFlags& flags);

/// As it follows "?name=NAME" in the path of an upload: "&delimiter=%3B", or nothing.
std::string query_of(const TableFlags& flags);

}  // namespace starling::bootstrap
