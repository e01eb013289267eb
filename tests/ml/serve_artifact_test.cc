// An artifact holds what was put in, and a damaged one is refused.
#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "tests/ml/train_pool_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace starling::ml {
namespace {

using testing::HasSubstr;

Encoder two_columns() {
  NumberCoding number;
  number.centre = 3;
  number.factor = 0.5;
  CategoryCoding category;
  category.levels = {"a", "b"};
  return Encoder{{{"n", number}, {"c", category}}, {"y", TaskKind::regression, {}, 10, 2}};
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

const std::string kModel("1\0model", 7);

ArtifactParts some_parts(const ScratchFolder& folder) {
  write_bytes(folder / "trained", kModel);
  return {{{folder / "trained", to_json(two_columns())}}, "{\"schema\":1}", "{\"rmse\":2}"};
}

/// Two models that are encoded alike, and one that is not.
ArtifactParts bag_parts(const ScratchFolder& folder) {
  ArtifactParts parts = some_parts(folder);
  parts.models.clear();
  write_bytes(folder / "trees", "{\"learner\":{}}");
  Encoder other{{{"n", NumberCoding{}}}, {"y", TaskKind::regression, {}, 10, 2}};
  parts.models.push_back({folder / "trained", to_json(two_columns()), 0.25, 3, 0});
  parts.models.push_back({folder / "trees", to_json(other), 0.5, 7, 0});
  parts.models.push_back({folder / "trained", to_json(two_columns()), 0.25, 3, 1});
  Finish finish;
  finish.temperature = 1.5;
  parts.finish = to_json(finish);
  return parts;
}

TEST(Artifact, GivesBackWhatWasPutIn) {
  const ScratchFolder folder;
  const std::string path = folder / "m.zip";
  const auto bytes = write_artifact(path, some_parts(folder));
  ASSERT_TRUE(bytes) << bytes.error().detail;
  EXPECT_EQ(*bytes, bytes_of(path).size());
  const auto opened = open_artifact(path, folder / "models");
  ASSERT_TRUE(opened) << opened.error().detail;
  ASSERT_EQ(opened->members.size(), 1U);
  EXPECT_EQ(bytes_of(opened->members.front().model), kModel);
  EXPECT_EQ(opened->metrics_json, "{\"rmse\":2}");
  EXPECT_EQ(to_json(opened->encoders.front()), to_json(two_columns()));
  EXPECT_EQ(opened->finish, Finish{});
}

TEST(Artifact, ABagGivesBackItsMembersAndWhatTheyShareOnce) {
  const ScratchFolder folder;
  const auto written = write_artifact(folder / "b.zip", bag_parts(folder));
  ASSERT_TRUE(written) << written.error().detail;
  const auto opened = open_artifact(folder / "b.zip", folder / "models");
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(opened->encoders.size(), 2U);
  ASSERT_EQ(opened->members.size(), 3U);
  EXPECT_EQ(opened->members[0].model, opened->members[2].model) << "the same bytes lie there once";
  EXPECT_EQ(bytes_of(opened->members[1].model), "{\"learner\":{}}");
  EXPECT_EQ(opened->members[1].encoder, 1U);
  EXPECT_EQ(opened->members[1].weight, 0.5);
  EXPECT_EQ(opened->members[2].candidate, 3U);
  EXPECT_EQ(opened->members[2].fold, 1U);
  EXPECT_EQ(opened->finish.temperature, 1.5);
}

TEST(Artifact, HasAFactorForEachClassIfAny) {
  const ScratchFolder folder;
  ArtifactParts parts = some_parts(folder);
  parts.models.front().preprocessing =
      to_json(Encoder{{{"n", NumberCoding{}}}, {"y", TaskKind::multiclass, {"a", "b", "c"}, 0, 1}});
  for (const std::size_t count : {3U, 4U}) {
    Finish finish;
    finish.rule.factors.assign(count, 2);
    parts.finish = to_json(finish);
    ASSERT_TRUE(write_artifact(folder / "a.zip", parts));
    const auto opened = open_artifact(folder / "a.zip", folder / "models");
    ASSERT_EQ(opened.has_value(), count == 3);
    if (opened) continue;
    EXPECT_NE(opened.error().detail.find("finish.json has 4 class_factors for 3 classes"),
              std::string::npos);
  }
}

TEST(Artifact, APartOfItIsReadAlone) {
  const ScratchFolder folder;
  ArtifactParts parts = some_parts(folder);
  parts.answers = std::string("\0\1\2\3", 4);
  ASSERT_TRUE(write_artifact(folder / "a.zip", parts));
  EXPECT_EQ(answers_in(folder / "a.zip").value(), parts.answers);
  EXPECT_EQ(report_in(folder / "a.zip").error().code, Errc::not_found);
}

TEST(Artifact, AnyDamagedByteOfABagIsNoticedOrHarmless) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_artifact(folder / "b.zip", bag_parts(folder)));
  const std::string whole = bytes_of(folder / "b.zip");
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    write_bytes(folder / "d.zip", damaged);
    std::filesystem::remove_all(folder / "models");  // else what is there already is not read again
    const auto opened = open_artifact(folder / "d.zip", folder / "models");
    if (!opened) continue;
    EXPECT_EQ(bytes_of(opened->members.front().model), kModel) << i;
    EXPECT_EQ(opened->members.size(), 3U) << i;
  }
}

TEST(Artifact, TheSamePartsMakeTheSameBytes) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_artifact(folder / "a.zip", some_parts(folder)));
  ASSERT_TRUE(write_artifact(folder / "b.zip", some_parts(folder)));
  EXPECT_EQ(bytes_of(folder / "a.zip"), bytes_of(folder / "b.zip"));
}

TEST(Artifact, AnyDamagedByteIsNoticedOrHarmless) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_artifact(folder / "m.zip", some_parts(folder)));
  const std::string whole = bytes_of(folder / "m.zip");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    write_bytes(folder / "d.zip", damaged);
    std::filesystem::remove_all(folder / "models");  // else what is there already is not read again
    const auto opened = open_artifact(folder / "d.zip", folder / "models");
    if (opened) {
      EXPECT_EQ(bytes_of(opened->members.front().model), kModel) << i;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(Artifact, WhatIsNoArtifactIsRefusedByName) {
  const ScratchFolder folder;
  EXPECT_EQ(open_artifact(folder / "none.zip", folder / "models").error().code, Errc::io);
  write_bytes(folder / "text.zip", "hello");
  const auto opened = open_artifact(folder / "text.zip", folder / "models");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_THAT(opened.error().detail, HasSubstr("text.zip"));
  EXPECT_FALSE(write_artifact("/no/such/folder/m.zip", some_parts(folder)));
}

}  // namespace
}  // namespace starling::ml
