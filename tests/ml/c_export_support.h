// The text of an exported model, compiled into a program that reads rows.
#pragma once

#include "ml/export/c_source.h"
#include "ml/serve/predictor.h"
#include "ml/table/cell.h"
#include "ml/table/date.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace starling::ml {

namespace fs = std::filesystem;
inline constexpr const char* kStrict = "-std=c99 -Wall -Wextra -Werror -pedantic -O1";
inline constexpr double kTreesDiffer = 1e-6;
inline constexpr double kNetworksDiffer = 1e-4;

inline int shell(const std::string& command) {
  return std::system(command.c_str());
}

inline bool has_program(const std::string& name) {
  return shell(fmt::format("command -v {} >/dev/null 2>&1", name)) == 0;
}

inline void write(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

/// What the program says of one row.
struct Said {
  int code = 0;
  std::vector<double> out;
  int class_place = -1;
  double low = 0, high = 0;
};

/// The text, compiled into a program that reads rows.
class Compiled {
 public:
  Compiled(const Artifact& artifact, const fs::path& folder, const std::string& name)
      : artifact_(artifact), folder_(folder / name) {
    fs::create_directories(folder_);
    const auto made = c_source(artifact);
    EXPECT_TRUE(made) << made.error().detail;
    if (!made) return;
    text_ = *made;
    write(folder_ / "model.c", text_);
    write(folder_ / "main.c", driver());
  }

  const std::string& text() const { return text_; }

  const fs::path& folder() const { return folder_; }

  bool compile(const std::string& compiler, const std::string& flags = kStrict) const {
    return shell(fmt::format("cd {0} && {1} {2} -c model.c -o model.o && {1} {2} main.c model.o "
                             "-lm -o program",
                             folder_.string(),
                             compiler,
                             flags)) == 0;
  }

  /// Cells are read here as the predictor reads them, but words are given as they stand.
  std::vector<Said> say(const std::vector<RawRow>& rows) const {
    std::string lines;
    for (const RawRow& row : rows) {
      for (const FeatureCoding& feature : artifact_.encoders.front().features()) {
        const auto found = row.find(feature.name);
        lines += found == row.end() ? kMissing : cell_text(feature, found->second);
        lines += '\x1f';
      }
      lines += '\n';
    }
    write(folder_ / "rows", lines);
    const auto command = fmt::format("cd {} && ./program < rows > said", folder_.string());
    EXPECT_EQ(shell(command), 0);
    return read_said(rows.size());
  }

 private:
  static constexpr const char* kMissing = "\x01";

  /// Of each field, whether it is a text: `double age; /* "age" */`.
  std::vector<std::pair<std::string, bool>> fields() const {
    std::vector<std::pair<std::string, bool>> found;
    std::istringstream lines(text_.substr(text_.find("struct starling_row {\n") + 22));
    for (std::string line; std::getline(lines, line) && line != "};";) {
      const bool is_text = line.starts_with("  const char *");
      const std::size_t from = is_text ? 14 : 9;
      found.emplace_back(line.substr(from, line.find(';') - from), is_text);
    }
    return found;
  }

  std::string driver() const {
    std::string sets;
    for (const auto& [field, is_text] : fields())
      sets += fmt::format("    row.{} = {}(next(&at));\n", field, is_text ? "words" : "number");
    const bool is_class = !artifact_.encoders.front().target().classes.empty();
    const bool has_interval = text_.find("starling_interval") != std::string::npos;
    return fmt::format(R"(#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define STARLING_INTERFACE_ONLY
#include "model.c"
static char line[1 << 20];
static char *next(char **at)
{{
  char *begin = *at, *end = strchr(begin, '\x1f');
  *end = 0;
  *at = end + 1;
  return begin;
}}
static double number(const char *cell) {{ return *cell == 1 ? NAN : strtod(cell, NULL); }}
static const char *words(const char *cell) {{ return *cell == 1 ? NULL : cell; }}
int main(void)
{{
  (void)number;
  (void)words;
  while (fgets(line, sizeof line, stdin) != NULL) {{
    struct starling_row row;
    double out[STARLING_OUTPUTS], lo = 0, hi = 0;
    char *at = line;
    int place = -1;
    memset(out, 0, sizeof out);
{0}    printf("%d", starling_predict(&row, out));
    for (int k = 0; k < STARLING_OUTPUTS; ++k) printf(" %.17g", out[k]);
    {1}
    {2}
    printf(" %d %.17g %.17g\n", place, lo, hi);
  }}
  return 0;
}}
)",
                       sets,
                       is_class ? "place = starling_class(out);" : "",
                       has_interval ? "starling_interval(out[0], &lo, &hi);" : "");
  }

  static std::string cell_text(const FeatureCoding& feature, const CellValue& cell) {
    const auto* text = std::get_if<std::string>(&cell);
    const auto* given = std::get_if<double>(&cell);
    if (std::holds_alternative<CategoryCoding>(feature.coding))
      return text != nullptr ? *text : kMissing;
    if (given != nullptr) return fmt::format("{}", *given);
    if (text == nullptr) return kMissing;
    const auto* date = std::get_if<DateCoding>(&feature.coding);
    if (is_infinite(*text)) return text->front() == '-' ? "-inf" : "inf";
    const auto number = date != nullptr ? parse_date(*text, date->order) : parse_number(*text);
    return number ? fmt::format("{}", *number) : kMissing;
  }

  std::vector<Said> read_said(std::size_t rows) const {
    std::ifstream in(folder_ / "said");
    const std::size_t outputs =
        std::max<std::size_t>(1, artifact_.encoders.front().target().classes.size());
    std::vector<Said> all(rows);
    for (Said& said : all) {
      said.out.resize(outputs);
      std::string word;
      in >> said.code;
      for (double& out : said.out) {
        in >> word;  // also inf and nan, which >> into a double does not read
        out = std::strtod(word.c_str(), nullptr);
      }
      in >> said.class_place >> said.low >> said.high;
    }
    EXPECT_TRUE(in) << "the program says something of each row";
    return all;
  }

  const Artifact& artifact_;
  fs::path folder_;
  std::string text_;
};

/// With a thousandth as the least that counts.
inline double difference(double a, double b) {
  return std::abs(a - b) / std::max(std::abs(b), 1e-3);
}

/// The greatest relative difference. Labels must be the same, intervals as close as the values.
inline double compare(const std::vector<Said>& there, const Predictions& here, double most) {
  double worst = 0;
  const bool is_number = here.task == TaskKind::regression;
  const std::size_t rows = is_number ? here.values.size() : here.probabilities.size();
  EXPECT_EQ(there.size(), rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const Said& said = there[i];
    EXPECT_EQ(said.code, 0) << "row " << i;
    const auto known = is_number ? std::vector{here.values[i]} : here.probabilities[i];
    for (std::size_t k = 0; k < known.size(); ++k) {
      EXPECT_TRUE(std::isfinite(said.out[k])) << "row " << i;
      worst = std::max(worst, difference(said.out[k], known[k]));
    }
    if (!is_number) {
      EXPECT_EQ(here.classes[static_cast<std::size_t>(said.class_place)], here.labels[i])
          << "row " << i;
    }
    if (here.intervals.empty()) continue;
    EXPECT_LE(difference(said.low, here.intervals[i].first), 10 * most);
    EXPECT_LE(difference(said.high, here.intervals[i].second), 10 * most);
  }
  EXPECT_LE(worst, most);
  return worst;
}

}  // namespace starling::ml
