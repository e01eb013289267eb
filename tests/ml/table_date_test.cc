// Dates as people write them.
#include "ml/table/date.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace starling::ml {
namespace {

struct DateCase {
  std::string text;
  std::string day_first;  ///< as `date_text` writes it; empty: makes no sense that way
  std::string month_first;
};

class Dates : public testing::TestWithParam<DateCase> {};

std::string text_of(const std::optional<double>& seconds) {
  return seconds ? date_text(*seconds) : "";
}

TEST_P(Dates, AreReadInBothOrders) {
  const auto reading = read_date(GetParam().text);
  if (GetParam().day_first.empty() && GetParam().month_first.empty()) {
    EXPECT_FALSE(reading);
    return;
  }
  ASSERT_TRUE(reading);
  EXPECT_EQ(text_of(reading->day_first), GetParam().day_first);
  EXPECT_EQ(text_of(reading->month_first), GetParam().month_first);
}

DateCase same(std::string text, const std::string& date) {
  return {std::move(text), date, date};
}

INSTANTIATE_TEST_SUITE_P(Table,
                         Dates,
                         testing::Values(same("2014-01-31", "2014-01-31"),
                                         same(" 2014/1/31 ", "2014-01-31"),
                                         same("2014-01", "2014-01-01"),
                                         DateCase{"31.01.2014", "2014-01-31", ""},
                                         DateCase{"1/31/2014", "", "2014-01-31"},
                                         DateCase{"3/4/2014", "2014-04-03", "2014-03-04"},
                                         DateCase{"3/4/69", "2069-04-03", "2069-03-04"},
                                         DateCase{"3/4/70", "1970-04-03", "1970-03-04"},
                                         same("31 Jan 2014", "2014-01-31"),
                                         same("31. January 2014", "2014-01-31"),
                                         same("5-Sep-99", "1999-09-05"),
                                         same("Jan 31, 2014", "2014-01-31"),
                                         same("Sept. 3, 2014", "2014-09-03"),
                                         same("2016-02-29", "2016-02-29"),
                                         same("1900-01-01", "1900-01-01"),
                                         same("0001-01-01", "0001-01-01"),
                                         same("2014-01-31T14:05:09", "2014-01-31T14:05:09"),
                                         same("2014-01-31 14:05", "2014-01-31T14:05:00"),
                                         same("2014-01-31T00:30:00+01:00", "2014-01-30T23:30:00"),
                                         same("2014-01-31T00:30:00-0130", "2014-01-31T02:00:00"),
                                         same("2014-01-31T14:05:09.75Z", "2014-01-31T14:05:09"),
                                         DateCase{"5/19/2006 0:00:00", "", "2006-05-19"},
                                         DateCase{"5/19/2006 2:05 PM", "", "2006-05-19T14:05:00"},
                                         DateCase{"5/19/2006 12:05 am", "", "2006-05-19T00:05:00"}),
                         [](const auto& instance) {
                           return "case" + std::to_string(instance.index);
                         });

INSTANTIATE_TEST_SUITE_P(NoDates,
                         Dates,
                         testing::ValuesIn([] {
                           std::vector<DateCase> cases;
                           for (const char* text : {"2014-13-01",
                                                    "2015-02-29",
                                                    "20140131",
                                                    "1.2",
                                                    "192.168.0.1",
                                                    "12:30",
                                                    "2014-01-31x",
                                                    "2014-01-31T25:00",
                                                    "2014-01-31T10:60",
                                                    "5/19/2006 13:05 PM",
                                                    "may be",
                                                    "May 2014",
                                                    "March",
                                                    "123-45-678",
                                                    "0000-01-01",
                                                    "1/2",
                                                    "-1-2-3",
                                                    "2014-01-31+99:00"})
                             cases.push_back({text, "", ""});
                           return cases;
                         }()),
                         [](const auto& instance) {
                           return "case" + std::to_string(instance.index);
                         });

TEST(Dates, PlainDigitsOnlyIfAsked) {
  ASSERT_TRUE(read_basic_date("20140131"));
  EXPECT_EQ(text_of(read_basic_date("20140131")->day_first), "2014-01-31");
  EXPECT_FALSE(read_basic_date("20141301"));
  EXPECT_FALSE(read_basic_date("2014013"));
  EXPECT_EQ(text_of(parse_date("20140131", DateOrder::day_first)), "2014-01-31");
}

TEST(Dates, HaveTheirPartsBeforeAndAfter1970) {
  const auto time = calendar_time(*parse_date("1969-12-31T23:00:01", DateOrder::day_first));
  EXPECT_EQ(time.year, 1969);
  EXPECT_EQ(time.month, 12U);
  EXPECT_EQ(time.day, 31U);
  EXPECT_EQ(time.weekday, 3U);  // a Wednesday
  EXPECT_EQ(time.day_seconds, 23 * 3600 + 1);
  EXPECT_EQ(calendar_time(0).weekday, 4U);
}

TEST(Dates, FallBackToTheOrderThatMakesSense) {
  EXPECT_EQ(text_of(parse_date("31/1/2014", DateOrder::month_first)), "2014-01-31");
  EXPECT_EQ(text_of(parse_date("3/4/2014", DateOrder::month_first)), "2014-03-04");
  EXPECT_EQ(text_of(parse_date("3/4/2014", DateOrder::day_first)), "2014-04-03");
}

}  // namespace
}  // namespace starling::ml
