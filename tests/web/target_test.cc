#include "web/http/target.h"

#include <gtest/gtest.h>

namespace starling::web {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(Target, SplitsPathAndQueryAndDecodesTheQuery) {
  const auto target = parse_target("/a/b%20c?name=my+data%21&empty=&flag&=x&&name=second#part");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b%20c");
  const Query expected{
      {"name", "my data!"}, {"empty", ""}, {"flag", ""}, {"", "x"}, {"name", "second"}};
  EXPECT_EQ(target->query, expected);
  EXPECT_EQ(target->find("name"), "my data!");
  EXPECT_EQ(target->find("nothing"), std::nullopt);
}

TEST(Target, RefusesWhatIsNotAPathOrDoesNotDecode) {
  for (const char* text : {"", "x", "*", "http://h/", "/a?b=%zz", "/a?b=%4", "/a?b=%00"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(Target, EncodingAndDecodingAreInverse) {
  std::string all;
  for (int c = 1; c < 256; ++c)
    all.push_back(static_cast<char>(c));
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b/c"), "a%20b%2Fc");
}

}  // namespace
}  // namespace starling::web
