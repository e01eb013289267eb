// An artifact holds what was put in, and a damaged one is refused.
#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "tests/ml/train_pool_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

ArtifactParts some_parts() {
  return {std::string("1\0model", 7), to_json(two_columns()), "{\"schema\":1}", "{\"rmse\":2}"};
}

TEST(Artifact, GivesBackWhatWasPutIn) {
  const ScratchFolder folder;
  const std::string path = folder / "m.zip";
  const auto bytes = write_artifact(path, some_parts());
  ASSERT_TRUE(bytes) << bytes.error().detail;
  EXPECT_EQ(*bytes, bytes_of(path).size());
  const auto opened = open_artifact(path);
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(opened->model, some_parts().model);
  EXPECT_EQ(opened->metrics_json, "{\"rmse\":2}");
  EXPECT_EQ(to_json(opened->encoder), to_json(two_columns()));
}

TEST(Artifact, TheSamePartsMakeTheSameBytes) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_artifact(folder / "a.zip", some_parts()));
  ASSERT_TRUE(write_artifact(folder / "b.zip", some_parts()));
  EXPECT_EQ(bytes_of(folder / "a.zip"), bytes_of(folder / "b.zip"));
}

TEST(Artifact, AnyDamagedByteIsNoticedOrHarmless) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_artifact(folder / "m.zip", some_parts()));
  const std::string whole = bytes_of(folder / "m.zip");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    write_bytes(folder / "d.zip", damaged);
    const auto opened = open_artifact(folder / "d.zip");
    if (opened) {
      EXPECT_EQ(opened->model, some_parts().model) << i;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(Artifact, WhatIsNoArtifactIsRefusedByName) {
  const ScratchFolder folder;
  EXPECT_EQ(open_artifact(folder / "none.zip").error().code, Errc::io);
  write_bytes(folder / "text.zip", "hello");
  const auto opened = open_artifact(folder / "text.zip");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_THAT(opened.error().detail, HasSubstr("text.zip"));
  EXPECT_FALSE(write_artifact("/no/such/folder/m.zip", some_parts()));
}

}  // namespace
}  // namespace starling::ml
