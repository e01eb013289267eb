// One cell of a table: the number or date that it says. The first byte picks the decimal mark.
#include "ml/table/cell.h"
#include "ml/table/date.h"
#include "ml/table/short_number.h"
#include "tests/fuzz/fuzz_target.h"

#include <cmath>

namespace starling {
namespace {

void check_number(std::string_view text, char decimal) {
  const auto number = ml::parse_number(text, decimal);
  double quick = 0;
  if (ml::parse_short_number(text, decimal, quick)) {
    fuzz::require(number && *number == quick, "both ways read the same");
    const std::string before = "12345678" + std::string{text};
    double other = 0;
    const std::string_view behind = std::string_view{before}.substr(8);
    fuzz::require(
        ml::parse_short_number<ml::Room::before>(behind, decimal, other) && other == quick,
        "what stands before a number is not part of it");
  }
  if (!number) return;
  fuzz::count_accepted();
  fuzz::require(std::abs(*number) <= ml::kNumberMax, "a number is within its limit");
  fuzz::require(!ml::is_infinite(text, decimal), "and not infinite");
  const auto back = ml::parse_number(ml::number_text(*number));
  fuzz::require(back && *back == *number, "the text of a number reads back as it");
}

void check_date(std::string_view text) {
  for (const auto order : {ml::DateOrder::day_first, ml::DateOrder::month_first}) {
    const auto date = ml::parse_date(text, order);
    if (!date) continue;
    fuzz::count_accepted();
    const double whole = std::floor(*date);
    const auto back = ml::parse_date(ml::date_text(whole), order);
    fuzz::require(back && *back == whole, "the text of a date reads back as it");
  }
}

}  // namespace
}  // namespace starling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const std::string_view text = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  check_number(text, data[0] % 2 == 0 ? '.' : ',');
  check_date(text);
  static_cast<void>(ml::is_missing(text));
  static_cast<void>(ml::parse_boolean(text));
  return 0;
}
