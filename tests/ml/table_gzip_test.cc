// Tables that are packed: unpacked while they are read, or refused with what is wrong.
#include "ml/table/gunzip.h"
#include "ml/table/profile_json.h"
#include "ml/table/table_file.h"
#include "node/base/random.h"
#include "tests/support/scratch_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <zlib.h>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using tests::ScratchFolder;

std::string packed(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Unpacked {
  std::string text;
  std::string error;
};

/// Fed in pieces of `piece` bytes.
Unpacked unpacked(std::string_view bytes, std::size_t piece) {
  Unpacked result;
  Gunzip gunzip{[&result](std::string_view some) -> Result<> {
    result.text += some;
    return {};
  }};
  for (std::size_t from = 0; from < bytes.size(); from += piece) {
    if (auto fed = gunzip.feed(bytes.substr(from, piece)); !fed) {
      result.error = fed.error().detail;
      return result;
    }
  }
  if (auto ended = gunzip.finish(); !ended) result.error = ended.error().detail;
  return result;
}

std::string table_text(int rows) {
  std::string text = "x,y\n";
  for (int i = 0; i < rows; ++i)
    text += fmt::format("{},{}\n", i * 7919 % 1009, i % 5);
  return text;
}

TEST(Gunzip, GivesBackWhatWasPackedHoweverItIsCut) {
  const std::string small = table_text(50);
  for (std::size_t piece = 1; piece < 40; ++piece)
    EXPECT_EQ(unpacked(packed(small), piece).text, small) << piece;
  // Zeros pack a thousandfold: one piece fills many buffers.
  for (const std::string& text : {table_text(200'000), std::string(5'000'000, '0')}) {
    const auto back = unpacked(packed(text), 65536);
    EXPECT_EQ(back.error, "");
    EXPECT_EQ(back.text == text, true) << back.text.size();
  }
}

TEST(Gunzip, ReadsMemberAfterMemberAndThePaddingOfTapes) {
  const std::string two = packed("a,b\n") + packed("") + packed("1,2\n");
  EXPECT_EQ(unpacked(two, 7).text, "a,b\n1,2\n");
  EXPECT_EQ(unpacked(two + std::string(100, '\0'), 7).error, "");
  EXPECT_THAT(unpacked(two + std::string(100, '\0') + "x", 7).error, HasSubstr("follows its end"));
  EXPECT_THAT(unpacked(two + "x", 7).error, HasSubstr("damaged"));
}

TEST(Gunzip, WhatUnpacksAThousandfoldIsNoTable) {
  const std::string zeros = packed(std::string(100 << 20, '0'));
  EXPECT_LT(zeros.size(), std::size_t{1} << 18);
  EXPECT_THAT(unpacked(zeros, 4096).error, HasSubstr("more than 200 times as large"));
}

TEST(Gunzip, DamageIsRefusedAndNeverHangs) {
  const std::string whole = packed(table_text(300));
  for (std::size_t size = 1; size < whole.size(); size += 13)
    EXPECT_THAT(unpacked(whole.substr(0, size), 64).error, HasSubstr("ends before its end"));
  Random random{1};
  std::size_t refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    damaged[10 + random.below(damaged.size() - 10)] ^= static_cast<char>(1 + random.below(255));
    refused += unpacked(damaged, 64).error.empty() ? 0U : 1U;
  }
  EXPECT_EQ(refused, 300U) << "the checksum tells";
}

TEST(Gunzip, AFileIsATableLikeAnyOther) {
  const ScratchFolder folder;
  const std::string text = table_text(3000);
  std::ofstream{folder / "plain.csv", std::ios::binary} << text;
  std::ofstream{folder / "packed.csv.gz", std::ios::binary} << packed(text);
  const auto plain = profile_file(folder / "plain.csv");
  const auto same = profile_file(folder / "packed.csv.gz");
  ASSERT_TRUE(plain);
  ASSERT_TRUE(same) << same.error().detail;
  EXPECT_EQ(same->rows, 3000U);
  EXPECT_TRUE(same->is_packed);
  EXPECT_EQ(*profile_from_json(to_json(*same)), *same);
  EXPECT_FALSE(plain->is_packed);
  EXPECT_EQ(same->columns.size(), plain->columns.size());
  EXPECT_EQ(same->columns[0].distinct, plain->columns[0].distinct);
  std::ofstream{folder / "cut.csv.gz", std::ios::binary} << packed(text).substr(0, 2000);
  const auto cut = profile_file(folder / "cut.csv.gz");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Errc::invalid_argument);
  EXPECT_THAT(cut.error().detail, HasSubstr("ends before its end"));
}

}  // namespace
}  // namespace starling::ml
