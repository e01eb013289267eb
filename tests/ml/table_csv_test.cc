// CSV as people have it: what is understood, and what is refused in which words.
#include "ml/table/csv_parser.h"
#include "ml/table/profile_json.h"
#include "ml/table/table_file.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace starling::ml {
namespace {

using testing::HasSubstr;
using Record = std::vector<std::string>;

struct Parsed {
  std::vector<std::string> header;
  std::vector<Record> rows;
  std::vector<std::uint64_t> lines;
  CsvDialect dialect;
  std::vector<std::string> remarks;
  std::string error;
};

Parsed parse(std::string_view text, std::size_t piece = 1 << 20, const CsvOptions& options = {}) {
  Parsed out;
  CsvParser parser{[&](const CsvBatch& batch) -> Result<> {
                     for (std::size_t i = 0; i < batch.rows(); ++i)
                       out.rows.emplace_back(batch.row(i).begin(), batch.row(i).end());
                     out.lines.insert(out.lines.end(), batch.lines.begin(), batch.lines.end());
                     return {};
                   },
                   options};
  Result<> result;
  for (std::size_t at = 0; at < text.size() && result; at += piece) {
    result = parser.feed(text.substr(at, piece));
  }
  if (result) result = parser.finish();
  if (!result) out.error = result.error().detail;
  out.header = parser.header();
  out.dialect = parser.dialect();
  out.remarks = parser.remarks();
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
        Case{"spaces_around_quotes", "a,b\n \"1,5\" , \"2\"\n", {"a", "b"}, {{"1,5", "2"}}},
        Case{
            "short_row", "a,b,c\n1,2,3\n1,2\n", {"a", "b", "c"}, {{"1", "2", "3"}, {"1", "2", ""}}},
        Case{"long_row_of_nothing", "a,b\n1,2,, \n", {"a", "b"}, {{"1", "2"}}},
        Case{"same_name", "a,b,a\n1,2,3\n", {"a", "b", "a_2"}, {{"1", "2", "3"}}},
        Case{
            "same_name_and_its_number", "a,a_2,a\n1,2,3\n", {"a", "a_2", "a_3"}, {{"1", "2", "3"}}},
        Case{"no_name", "a,,c\n1,2,3\n", {"a", "column_2", "c"}, {{"1", "2", "3"}}},
        Case{"no_header",
             "1,2,3\n4,5,6\n",
             {"column_1", "column_2", "column_3"},
             {{"1", "2", "3"}, {"4", "5", "6"}}},
        Case{"years_are_names",
             "land,2019,2020\nx,1,2\ny,3,4\n",
             {"land", "2019", "2020"},
             {{"x", "1", "2"}, {"y", "3", "4"}}},
        Case{"title_above",
             "Sales of 2019\n\na,b\n1,2\n3,4\n",
             {"a", "b"},
             {{"1", "2"}, {"3", "4"}}},
        Case{"remark_above",
             "# made, by, hand\na,b\n1,2\n3,4\n",
             {"a", "b"},
             {{"1", "2"}, {"3", "4"}}},
        Case{"mixed_line_ends",
             "a,b\r\n1,2\n3,4\r5,6",
             {"a", "b"},
             {{"1", "2"}, {"3", "4"}, {"5", "6"}}},
        Case{"latin1", "a,b\n1,2\n3,caf\xE9\n", {"a", "b"}, {{"1", "2"}, {"3", "café"}}},
        Case{"latin1_at_the_end", "a,b\n3,caf\xE9", {"a", "b"}, {{"3", "café"}}},
        Case{"utf16",
             std::string("\xFF\xFE"
                         "a\0,\0b\0\n\0"
                         "1\0,\0\xAC\x20\n\0",
                         18),
             {"a", "b"},
             {{"1", "€"}}},
        Case{"utf16_without_mark",
             std::string("\0a\0,\0b\0\n\0x\0,\0y\0\n", 16),
             {"a", "b"},
             {{"x", "y"}}},
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
        Refusal{"long_row", "a,b\n1,2,3\n", "line 2 has 3 fields, the header has 2"},
        Refusal{"line_after_newline_in_quotes", "a,b\n\"1\n2\",3\n4,5,6\n", "line 4 has 3 fields,"},
        Refusal{"empty", "", "the file is empty"},
        Refusal{"only_newlines", "\n\n \n", "the file is empty"},
        Refusal{"header_only", "a,b\n", "has a header but no rows"},
        Refusal{
            "open_quote", "a,b\n1,2\n3,\"4\n5,6\n", "the quote opened on line 3 is never closed"},
        Refusal{"after_quote", "a,b\n1,2\n\"3\"x,4\n", "line 3 has text after a closing quote"},
        Refusal{"nul", std::string("a,b\n1,\0\n", 8), "a NUL byte on line 2"},
        Refusal{"latin1_after_utf8", "a,b\n1,ö\n3,caf\xE9\n", "line 3 is not UTF-8 (byte 0xE9)"},
        Refusal{"overlong", "a,b\n1,ö\xC0\xAF\n", "line 2 is not UTF-8"},
        Refusal{"no_character_of_windows_1252",
                "a,b\n1,\x81\n",
                "line 2 is not windows-1252 (byte 0x81)"},
        Refusal{"gzip", "\x1F\x8B\x08", "compressed by gzip"},
        Refusal{"workbook",
                "PK\x03\x04"
                "garbage",
                "Excel"}),
    [](const auto& instance) { return instance.param.name; });

TEST(CsvParser, ARecordWithoutAnEndIsRefusedAtTheLimit) {
  const std::string text = "a,b\n1,\"" + std::string(kCsvRecordBytesMax + 10, 'x');
  EXPECT_THAT(parse(text + "y", kCsvPieceBytes).error, HasSubstr("line 2 is over 1048576 bytes"));
  EXPECT_THAT(parse(text + "\"\n", kCsvPieceBytes).error,
              HasSubstr("line 2 is over 1048576 bytes"));
}

TEST(CsvParser, SaysWhatItDidToTheFile) {
  const Parsed odd = parse("Sales\n\na,b,a,\n1,2,3,\n1,2\n7,8,9,\n");
  EXPECT_EQ(odd.error, "");
  EXPECT_THAT(
      odd.remarks,
      testing::ElementsAre(HasSubstr("1 line above the table is left out"),
                           HasSubstr("column 3 is named \"a\""),
                           HasSubstr("1 row is shorter than the header, the first on line 5")));
  EXPECT_THAT(parse("1,2\n3,4\n").remarks, testing::ElementsAre(HasSubstr("there is no header")));
}

TEST(CsvParser, WhatItsOwnerSaysIsNotFoundOut) {
  CsvOptions options;
  options.delimiter = ' ';
  options.has_header = false;
  options.skip = 1;
  options.encoding = "ISO-8859-2";
  options.decimal = ',';
  const Parsed parsed = parse("title\na b\n1 \xB1\n", 1 << 20, options);
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.rows, (std::vector<Record>{{"a", "b"}, {"1", "ą"}}));
  EXPECT_THAT(parsed.remarks, testing::IsEmpty());
  EXPECT_EQ(parsed.dialect, (CsvDialect{"iso-8859-2", ' ', ',', false, 1}));
  // The dialect that was found out reads the same rows again.
  const Parsed found = parse("x;y\n1,5;2\n");
  EXPECT_EQ(found.dialect, (CsvDialect{"utf-8", ';', ',', true, 0}));
  EXPECT_EQ(parse("x;y\n1,5;2\n", 1 << 20, CsvOptions{found.dialect}).rows, found.rows);
}

TEST(CsvParser, ASingleColumnWithDecimalCommasIsOneColumn) {
  const Parsed found = parse("price\n1,5\n2,5\n3,5\n");
  EXPECT_EQ(found.header, (Record{"price"}));
  EXPECT_EQ(found.rows, (std::vector<Record>{{"1,5"}, {"2,5"}, {"3,5"}}));
  EXPECT_EQ(found.dialect.decimal, ',');
  CsvOptions options;  // as rows to predict are read
  options.has_header = true;
  options.skip = 0;
  EXPECT_EQ(parse("price\n1,5\n2,5\n", 1 << 20, options).rows,
            (std::vector<Record>{{"1,5"}, {"2,5"}}));
}

TEST(CsvParser, WhatAnEncodingKeepsBackIsNotLost) {
  CsvOptions options;
  options.encoding = "cp1258";
  EXPECT_EQ(parse("a,b\n1,xa", 1 << 20, options).rows, (std::vector<Record>{{"1", "xa"}}));
}

TEST(CsvParser, OptionsThatCannotBeAreRefusedByName) {
  const auto error = [](auto set) {
    CsvOptions options;
    set(options);
    return parse("a,b\n1,2\n", 1 << 20, options).error;
  };
  EXPECT_THAT(error([](CsvOptions& o) { o.delimiter = '"'; }), HasSubstr("delimiter: must be"));
  EXPECT_THAT(error([](CsvOptions& o) { o.decimal = ';'; }), HasSubstr("decimal: must be"));
  EXPECT_THAT(error([](CsvOptions& o) { o.skip = 1001; }), HasSubstr("skip: 1001 is not from 0"));
  EXPECT_THAT(error([](CsvOptions& o) { o.encoding = "klingon"; }),
              HasSubstr("encoding: \"klingon\""));
  EXPECT_THAT(error([](CsvOptions& o) { o.encoding = "ascii//TRANSLIT"; }),
              HasSubstr("is not known"));
}

struct DecimalCase {
  std::string name;
  std::string text;
  char decimal;
};

class CsvDecimal : public testing::TestWithParam<DecimalCase> {};

TEST_P(CsvDecimal, IsToldByTheNumbers) {
  EXPECT_EQ(parse(GetParam().text).dialect.decimal, GetParam().decimal);
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    CsvDecimal,
    testing::Values(DecimalCase{"point", "a;b\n1.5;2.25\n", '.'},
                    DecimalCase{"comma", "a;b\n1,5;2,25\n", ','},
                    DecimalCase{"thousands_tell_nothing", "a;b\n1,500;2,250\n", '.'},
                    DecimalCase{"one_column", "price\n1,5\n2,5\n3,5\n", ','},
                    DecimalCase{"small_with_three_digits", "a;b\n0,125;0,250\n", ','},
                    DecimalCase{"german", "a;b\n1.234,50;x\n2.000,75;y\n", ','},
                    DecimalCase{"english", "a;b\n\"1,234.50\";x\n", '.'}),
    [](const auto& instance) { return instance.param.name; });

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

const std::filesystem::path kTorture = std::string(STARLING_SHARED_DIR) + "/data/csv-torture";

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// What the copy here lost: line ends of the files that are named for them.
std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? std::string{"\r\n"} : std::string(1, c);
  return out;
}

TEST(CsvFiles, CsvSpectrumIsReadAsItsAuthorsExpect) {
  if (!std::filesystem::exists(kTorture)) GTEST_SKIP() << "the shared data sets are not here";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTorture)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("spectrum_csvs_")) continue;
    std::string expected_name = name.substr(std::string{"spectrum_csvs_"}.size());
    expected_name.replace(expected_name.size() - 4, 4, ".json");
    std::ifstream in(kTorture / ("spectrum_json_" + expected_name));
    auto expected = nlohmann::ordered_json::parse(in);
    // A single object where all others have an array, with another number than its table.
    if (expected.is_object()) {
      expected["Contact Phone Number"] = "2095257564";
      expected = nlohmann::ordered_json::array({expected});
    }
    const std::string text = content_of(entry.path());
    const Parsed parsed = parse(name.ends_with("_crlf.csv") ? with_crlf(text) : text);
    auto rows = nlohmann::ordered_json::array();
    for (const Record& record : parsed.rows) {
      auto row = nlohmann::ordered_json::object();
      for (std::size_t i = 0; i < record.size(); ++i)
        row[parsed.header[i]] = record[i];
      rows.push_back(std::move(row));
    }
    EXPECT_EQ(rows, expected) << name << parsed.error;
    ++files;
  }
  EXPECT_EQ(files, 12U);
}

struct TortureFile {
  std::string name;
  std::vector<std::string> header;  ///< empty: refused
  std::vector<Record> rows;         ///< those that are compared, from the first
  std::string says;                 ///< of the refusal, or of one of the remarks
};

class CsvTorture : public testing::TestWithParam<TortureFile> {};

TEST_P(CsvTorture, IsReadRightOrRefused) {
  if (!std::filesystem::exists(kTorture)) GTEST_SKIP() << "the shared data sets are not here";
  const TortureFile& given = GetParam();
  const Parsed parsed = parse(content_of(kTorture / ("csvkit_" + given.name + ".csv")));
  if (given.header.empty()) {
    EXPECT_THAT(parsed.error, HasSubstr(given.says));
    return;
  }
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.header, given.header);
  ASSERT_GE(parsed.rows.size(), given.rows.size());
  EXPECT_TRUE(std::equal(given.rows.begin(), given.rows.end(), parsed.rows.begin()))
      << testing::PrintToString(parsed.rows);
  if (!given.says.empty()) {
    EXPECT_THAT(parsed.remarks, testing::Contains(HasSubstr(given.says)));
  }
}

const std::vector<std::string> kAbc{"a", "b", "c"};

INSTANTIATE_TEST_SUITE_P(
    Table,
    CsvTorture,
    testing::Values(
        TortureFile{"bad", {}, {}, "line 2 has 4 fields, the header has 3"},
        TortureFile{"bad_skip_lines", {}, {}, "line 5 has 4 fields, the header has 3"},
        TortureFile{"null_byte", {}, {}, "NUL byte on line 2"},
        TortureFile{"empty", {}, {}, "the file is empty"},
        TortureFile{
            "blanks", {"a", "b", "c", "d", "e", "f"}, {{"", "NA", "N/A", "NONE", "NULL", "."}}, ""},
        TortureFile{"date_like_number", {"a"}, {{"4.5"}}, ""},
        TortureFile{"dummy_col_shuffled_ragged", {"b", "c", "a", "d"}, {{"2", "3", "1", "4"}}, ""},
        TortureFile{"join_a_short",
                    kAbc,
                    {{"1", "b", ""}, {"2", "", ""}, {"3", "b", "c"}},
                    "2 rows are shorter than the header, the first on line 2"},
        TortureFile{"mac_newlines", kAbc, {{"1", "2", "3"}, {"Once upon\ra time", "5", "6"}}, ""},
        TortureFile{"no_header_row",
                    {"column_1", "column_2", "column_3"},
                    {{"1", "2", "3"}},
                    "there is no header"},
        TortureFile{"no_header_row3",
                    {"column_1", "column_2", "column_3"},
                    {{"1", "2", "3"}, {"4", "5", "6"}},
                    "there is no header"},
        TortureFile{"optional_quote_characters", kAbc, {{"1", "2", "3"}}, ""},
        TortureFile{"sniff_limit", kAbc, {{"1", "2", "3"}}, ""},
        TortureFile{"test_empty_columns",
                    {"a", "b", "c", "column_4", "column_5"},
                    {{"a", "", "", "", ""}, {"", "", "c", "", ""}, {"", "", "", "", ""}},
                    ""},
        TortureFile{"test_empty_columns_long_row", kAbc, {{"", "", ""}}, ""},
        TortureFile{"test_empty_columns_short_row", kAbc, {{"", "", ""}}, "1 row is shorter"},
        TortureFile{
            "test_extra_header", {"a", "b", "c", "d"}, {{"1", "2", "3", ""}}, "1 row is shorter"},
        TortureFile{"test_header_newline", {"start end", "b", "c"}, {{"d", "e", "f"}}, ""},
        TortureFile{"test_latin1", kAbc, {{"1", "2", "3"}, {"4", "5", "©"}}, ""},
        TortureFile{"test_locale", kAbc, {{"1,7", "200.000.000", ""}}, ""},
        TortureFile{"test_skip_lines", kAbc, {{"1", "2", "3"}}, ""},
        TortureFile{"test_utf16_big", kAbc, {{"1", "2", "3"}, {"4", "5", "ʤ"}}, ""},
        TortureFile{"test_utf16_little", kAbc, {{"1", "2", "3"}, {"4", "5", "ʤ"}}, ""},
        TortureFile{"test_utf8", {"foo", "bar", "baz"}, {{"1", "2", "3"}, {"4", "5", "ʤ"}}, ""},
        TortureFile{
            "test_utf8_bom", {"foo", "bar", "baz"}, {{"1", "2", "3"}, {"4", "5", "ʤ"}}, ""}),
    [](const auto& instance) { return instance.param.name; });

TEST(CsvFiles, EveryTortureFileIsReadOrRefusedWithItsLine) {
  if (!std::filesystem::exists(kTorture)) GTEST_SKIP() << "the shared data sets are not here";
  std::vector<std::string> refused;
  std::size_t read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTorture)) {
    if (entry.path().extension() != ".csv") continue;
    const auto profile = profile_file(entry.path());
    if (profile) {
      ++read;
      EXPECT_FALSE(profile->columns.empty()) << entry.path();
      EXPECT_GT(profile->rows, 0U) << entry.path();
      const auto again = profile_from_json(to_json(*profile));
      ASSERT_TRUE(again) << again.error().detail;
      EXPECT_EQ(to_json(*again), to_json(*profile)) << entry.path();
      EXPECT_EQ(*again, *profile) << entry.path();
    } else {
      refused.push_back(entry.path().filename());
      EXPECT_THAT(profile.error().detail, testing::AnyOf(HasSubstr("line "), HasSubstr("empty")));
    }
  }
  EXPECT_THAT(refused,
              testing::UnorderedElementsAre("csvkit_bad.csv",
                                            "csvkit_bad_skip_lines.csv",
                                            "csvkit_empty.csv",
                                            "csvkit_null_byte.csv"));
  EXPECT_GT(read, 70U);
}

TEST(CsvFiles, AFileThatIsNotThereIsNamed) {
  const auto profile = profile_file("/no/such/table.csv");
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, Errc::io);
  EXPECT_THAT(profile.error().detail, HasSubstr("/no/such/table.csv"));
}

}  // namespace
}  // namespace starling::ml
