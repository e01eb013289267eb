// Conversations of a few members as text: see the scripts for what each proves.
#include "tests/support/raft_script.h"

#include "tests/support/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace starling::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kScripts = fs::path{STARLING_TESTS_DIR} / "consensus/scripts";

std::vector<std::string> all_scripts() {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator{kScripts})
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class RaftScripts : public testing::TestWithParam<std::string> {};

TEST_P(RaftScripts, GoAsWritten) {
  RaftScript script;
  run_script((kScripts / (GetParam() + ".txt")).string(),
             [&](const Step& step) { return script.run(step); });
}

INSTANTIATE_TEST_SUITE_P(All, RaftScripts, testing::ValuesIn(all_scripts()), [](const auto& each) {
  return each.param;
});

}  // namespace
}  // namespace starling::tests
