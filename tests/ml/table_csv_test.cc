// CSV as people have it: what is understood, and what is refused in which words.
#include "ml/table/csv_parser.h"
#include "ml/table/table_file.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using Record = std::vector<std::string>;

struct Parsed {
  std::vector<std::string> header;
  std::vector<Record> rows;
  std::vector<std::uint64_t> lines;
  char delimiter = 0;
  std::string error;
};

Parsed parse(std::string_view text, std::size_t piece = 1 << 20) {
  Parsed out;
  CsvParser parser{[&](const CsvRow& row) -> Result<> {
    out.rows.emplace_back(row.fields.begin(), row.fields.end());
    out.lines.push_back(row.line);
    return {};
  }};
  Result<> result;
  for (std::size_t at = 0; at < text.size() && result; at += piece) {
    result = parser.feed(text.substr(at, piece));
  }
  if (result) result = parser.finish();
  if (!result) out.error = result.error().detail;
  out.header = parser.header();
  out.delimiter = parser.delimiter();
  return out;
}

struct Case {
  std::string name;
  std::string text;
  std::vector<std::string> header;
  std::vector<Record> rows;
};

class Csv : public testing::TestWithParam<Case> {};

TEST_P(Csv, IsReadAsPeopleMeanIt) {
  const Case& given = GetParam();
  const Parsed whole = parse(given.text);
  EXPECT_EQ(whole.error, "");
  EXPECT_EQ(whole.header, given.header);
  EXPECT_EQ(whole.rows, given.rows);
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    Csv,
    testing::Values(
        Case{"plain", "a,b\n1,2\n3,4\n", {"a", "b"}, {{"1", "2"}, {"3", "4"}}},
        Case{"no_last_newline", "a,b\n1,2", {"a", "b"}, {{"1", "2"}}},
        Case{"crlf", "a,b\r\n1,2\r\n", {"a", "b"}, {{"1", "2"}}},
        Case{"old_mac", "a,b\r1,2\r3,4\r", {"a", "b"}, {{"1", "2"}, {"3", "4"}}},
        Case{"byte_order_mark",
             "\xEF\xBB\xBF"
             "a,b\n1,2\n",
             {"a", "b"},
             {{"1", "2"}}},
        Case{"quotes", "a,b\n\"x,\"\"y\"\"\",\" z \"\n", {"a", "b"}, {{"x,\"y\"", " z "}}},
        Case{
            "newline_in_quotes", "a,b\n\"1\n2\",3\n4,5\n", {"a", "b"}, {{"1\n2", "3"}, {"4", "5"}}},
        Case{"quote_inside_a_word", "a,b\n5\"x,2\n", {"a", "b"}, {{"5\"x", "2"}}},
        Case{"empty_fields", "a,b,c\n,,\n1,,3\n", {"a", "b", "c"}, {{"", "", ""}, {"1", "", "3"}}},
        Case{"blank_lines", "a,b\n\n1,2\n\n\n3,4\n\n", {"a", "b"}, {{"1", "2"}, {"3", "4"}}},
        Case{"one_column", "a\n1\n2\n", {"a"}, {{"1"}, {"2"}}},
        Case{"one_column_empty_quoted", "a\n\"\"\n2\n", {"a"}, {{""}, {"2"}}},
        Case{"semicolons", "a;b\n1,5;2,5\n3,5;4\n", {"a", "b"}, {{"1,5", "2,5"}, {"3,5", "4"}}},
        Case{"tabs", "a\tb\n1, x\t2\n", {"a", "b"}, {{"1, x", "2"}}},
        Case{"bars", "a|b\n1|2\n", {"a", "b"}, {{"1", "2"}}},
        Case{"names_are_trimmed", " a , b\n1,2\n", {"a", "b"}, {{"1", "2"}}},
        Case{"unicode",
             "näme,名\nö,\xF0\x9F\x90\xA6\n",
             {"näme", "名"},
             {{"ö", "\xF0\x9F\x90\xA6"}}}),
    [](const auto& instance) { return instance.param.name; });

TEST(CsvParser, EveryCutOfTheBytesGivesTheSameRecords) {
  const std::string text = "a,b\r\n\"x\"\"\r\ny\",1\r\n\r\n,\"\"\n5,6";
  const Parsed whole = parse(text);
  ASSERT_EQ(whole.error, "");
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    EXPECT_EQ(parse(text, piece).rows, whole.rows) << "pieces of " << piece;
  }
}

struct Refusal {
  std::string name;
  std::string text;
  std::string says;
};

class CsvRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(CsvRefusal, SaysWhereAndWhy) {
  EXPECT_THAT(parse(GetParam().text).error, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    CsvRefusal,
    testing::Values(
        Refusal{"ragged", "a,b,c\n1,2,3\n1,2\n", "line 3 has 2 fields, the header has 3"},
        Refusal{"long_row", "a,b\n1,2,3\n", "line 2 has 3 fields, the header has 2"},
        Refusal{"line_after_newline_in_quotes", "a,b\n\"1\n2\",3\n4\n", "line 4 has 1 field,"},
        Refusal{"empty", "", "the file is empty"},
        Refusal{"only_newlines", "\n\n \n", "the file is empty"},
        Refusal{"header_only", "a,b\n", "has a header but no rows"},
        Refusal{"same_name", "a,b,a\n1,2,3\n", "columns 1 and 3 are both named \"a\""},
        Refusal{"no_name", "a,,c\n1,2,3\n", "column 2 of 3 has no name"},
        Refusal{
            "open_quote", "a,b\n1,2\n3,\"4\n5,6\n", "the quote opened on line 3 is never closed"},
        Refusal{"after_quote", "a,b\n1,2\n\"3\"x,4\n", "line 3 has text after a closing quote"},
        Refusal{"nul", std::string("a,b\n1,\0\n", 8), "NUL byte"},
        Refusal{"latin1", "a,b\n1,2\n3,caf\xE9\n", "line 3 is not UTF-8 (byte 0xE9)"},
        Refusal{"overlong", "a,b\n1,\xC0\xAF\n", "line 2 is not UTF-8"},
        Refusal{"utf16",
                std::string("\xFF\xFE"
                            "a\0,\0",
                            6),
                "UTF-16"},
        Refusal{"workbook",
                "PK\x03\x04"
                "garbage",
                "Excel"}),
    [](const auto& instance) { return instance.param.name; });

TEST(CsvParser, ARecordWithoutAnEndIsRefusedAtTheLimit) {
  const std::string text = "a,b\n1,\"" + std::string(kCsvRecordBytesMax + 10, 'x');
  EXPECT_THAT(parse(text, kCsvPieceBytes).error, HasSubstr("line 2 is over 1048576 bytes"));
}

TEST(CsvParser, MoreColumnsThanTheLimitAreRefused) {
  std::string text = "c0";
  for (std::size_t i = 1; i <= kCsvColumnsMax; ++i)
    text += fmt::format(",c{}", i);
  EXPECT_THAT(parse(text + "\n").error, HasSubstr("4097 columns; at most 4096"));
}

TEST(CsvParser, GarbageNeverCrashesAndNeverHangs) {
  Random random{7};
  const std::string_view alphabet = "a1,;\"\n\r\t|\xC3\xA9 \x01";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const std::uint64_t size = random.below(200);
    for (std::uint64_t i = 0; i < size; ++i)
      text.push_back(alphabet[random.below(alphabet.size())]);
    const Parsed whole = parse(text);
    const Parsed pieces = parse(text, 1 + random.below(9));
    EXPECT_EQ(whole.error, pieces.error) << text;
    EXPECT_EQ(whole.rows, pieces.rows) << text;
  }
}

TEST(CsvFiles, AllTortureFilesAreReadOrRefusedInASentence) {
  const std::filesystem::path folder = std::string(STARLING_SHARED_DIR) + "/data/csv-torture";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the shared data sets are not here";
  std::size_t read = 0;
  std::size_t refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".csv") continue;
    const auto profile = profile_file(entry.path());
    if (profile) {
      ++read;
      EXPECT_FALSE(profile->columns.empty()) << entry.path();
    } else {
      ++refused;
      EXPECT_GT(profile.error().detail.size(), 15U) << entry.path();
    }
  }
  EXPECT_GT(read, 50U);
  EXPECT_GT(refused, 5U);
}

TEST(CsvFiles, AFileThatIsNotThereIsNamed) {
  const auto profile = profile_file("/no/such/table.csv");
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, Errc::io);
  EXPECT_THAT(profile.error().detail, HasSubstr("/no/such/table.csv"));
}

}  // namespace
}  // namespace starling::ml
