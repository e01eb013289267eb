// docs/testing.md names a test for each known pitfall, and the tests that it names exist.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace starling::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kPitfalls = 53;
constexpr int kGossipPitfalls = 14;
const fs::path kSource = STARLING_SOURCE_DIR;
const fs::path kScripts = kSource / "tests/consensus/scripts";

std::string content_of(const fs::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Row by number: the last column. `letter`: T of consensus, G of gossip.
std::map<int, std::string> rows(const std::string& letter = "T") {
  const std::string text = content_of(kSource / "docs/testing.md");
  const std::regex row{"\\n\\| " + letter + R"((\d+) \|[^|]*\|([^|\n]*)\|)"};
  std::map<int, std::string> rows;
  for (auto at = std::sregex_iterator{text.begin(), text.end(), row}; at != std::sregex_iterator{};
       ++at)
    rows[std::stoi((*at)[1])] = (*at)[2];
  return rows;
}

std::vector<std::string> all_matches(const std::string& text, const char* pattern) {
  const std::regex regex{pattern};
  std::vector<std::string> found;
  for (auto at = std::sregex_iterator{text.begin(), text.end(), regex};
       at != std::sregex_iterator{};
       ++at)
    found.push_back((*at)[1]);
  return found;
}

TEST(PitfallTable, HasATestForEach) {
  const auto table = rows();
  for (int number = 1; number <= kPitfalls; ++number) {
    const auto row = table.find(number);
    ASSERT_NE(row, table.end()) << "T" << number << " has no row";
    const bool names_one = !all_matches(row->second, "(T\\d\\d_\\w+|tests/[\\w/]+)").empty();
    EXPECT_TRUE(names_one) << "T" << number << " names no test: " << row->second;
  }
  EXPECT_EQ(table.size(), static_cast<std::size_t>(kPitfalls));
}

TEST(PitfallTable, HasATestForEachOfGossip) {
  const auto table = rows("G");
  EXPECT_EQ(table.size(), static_cast<std::size_t>(kGossipPitfalls));
  for (const auto& [number, row] : table)
    EXPECT_FALSE(all_matches(row, "(tests/[\\w/]+)").empty()) << "G" << number << " names no test";
}

TEST(PitfallTable, NamesOnlyWhatThereIs) {
  auto table = rows();
  for (const auto& [number, row] : rows("G"))
    table[kPitfalls + number] = row;
  for (const auto& [number, row] : table) {
    for (const std::string& script : all_matches(row, "`(T\\d\\d_\\w+)`"))
      EXPECT_TRUE(fs::exists(kScripts / (script + ".txt"))) << "T" << number << ": " << script;
    for (const std::string& path : all_matches(row, "(tests/[\\w/]+\\.cc)"))
      EXPECT_TRUE(fs::exists(kSource / path)) << "T" << number << ": " << path;
    for (const std::string& named : all_matches(row, "(`\\w+` in tests/[\\w/]+\\.cc)")) {
      const std::string test = named.substr(1, named.find('`', 1) - 1);
      const std::string path = named.substr(named.find("tests/"));
      EXPECT_NE(content_of(kSource / path).find(test), std::string::npos)
          << "T" << number << ": there is no " << test << " in " << path;
    }
  }
}

TEST(PitfallTable, LeavesNoScriptOut) {
  std::string all;
  for (const auto& [number, row] : rows())
    all += row;
  for (const auto& file : fs::directory_iterator{kScripts}) {
    const std::string name = file.path().stem().string();
    if (name.starts_with("T")) {
      EXPECT_NE(all.find("`" + name + "`"), std::string::npos) << name << " is in no row";
    }
  }
}

TEST(PitfallTable, EachScriptSaysWhatItIsAbout) {
  for (const auto& file : fs::directory_iterator{kScripts}) {
    const std::string text = content_of(file.path());
    const std::string name = file.path().stem().string();
    for (const char* word : {"Decisive:", "# "})
      EXPECT_NE(text.find(word), std::string::npos) << name << " has no " << word;
    if (!name.starts_with("T")) continue;
    for (const char* word : {"Bug:", "Source:", "Must:"})
      EXPECT_NE(text.find(word), std::string::npos) << name << " has no " << word;
  }
}

}  // namespace
}  // namespace starling::tests
