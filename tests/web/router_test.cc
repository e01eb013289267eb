#include "web/http/router.h"

#include <gtest/gtest.h>

namespace starling::web {
namespace {

enum Route { kList = 1, kAdd, kOne, kTrial };

Router some_router() {
  Router router;
  router.add("GET", "/api/studies", kList);
  router.add("POST", "/api/studies", kAdd);
  router.add("GET", "/api/studies/{id}", kOne);
  router.add("GET", "/api/studies/{id}/trials/{number}", kTrial);
  return router;
}

struct Case {
  std::string name;
  std::string method;
  std::string path;
  Match::Kind kind;
  int handler;
  PathParams params;
};

class RouterFinds : public testing::TestWithParam<Case> {};

TEST_P(RouterFinds, TheHandlerOrWhyThereIsNone) {
  const Match match = some_router().match(GetParam().method, GetParam().path);
  EXPECT_EQ(match.kind, GetParam().kind);
  EXPECT_EQ(match.handler, GetParam().handler);
  EXPECT_EQ(match.params, GetParam().params);
}

using K = Match::Kind;

INSTANTIATE_TEST_SUITE_P(
    Table,
    RouterFinds,
    testing::Values(
        Case{"literal", "GET", "/api/studies", K::found, kList, {}},
        Case{"by_method", "POST", "/api/studies", K::found, kAdd, {}},
        Case{"head_is_get", "HEAD", "/api/studies", K::found, kList, {}},
        Case{"parameter", "GET", "/api/studies/s-1", K::found, kOne, {{"id", "s-1"}}},
        Case{"two",
             "GET",
             "/api/studies/a/trials/7",
             K::found,
             kTrial,
             {{"id", "a"}, {"number", "7"}}},
        Case{"decoded", "GET", "/api/studies/a%2Fb%20c", K::found, kOne, {{"id", "a/b c"}}},
        Case{"bad_escape", "GET", "/api/studies/a%2", K::unknown_path, 0, {}},
        Case{"nul", "GET", "/api/studies/a%00", K::unknown_path, 0, {}},
        Case{"empty_parameter", "GET", "/api/studies/", K::unknown_path, 0, {}},
        Case{"unknown", "GET", "/api/study", K::unknown_path, 0, {}},
        Case{"longer", "GET", "/api/studies/a/b", K::unknown_path, 0, {}},
        Case{"root", "GET", "/", K::unknown_path, 0, {}},
        Case{"wrong_method", "DELETE", "/api/studies/a", K::wrong_method, 0, {}}),
    [](const auto& given) { return given.param.name; });

TEST(Router, NamesTheMethodsAPathAllows) {
  EXPECT_EQ(some_router().match("PUT", "/api/studies").allow, "GET, HEAD, POST");
  EXPECT_EQ(some_router().match("PUT", "/nothing").allow, "");
}

}  // namespace
}  // namespace starling::web
