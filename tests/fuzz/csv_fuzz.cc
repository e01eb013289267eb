// A CSV file that somebody uploads, from its bytes to the profile. The first byte is left out.
#include "ml/table/csv_parser.h"
#include "ml/table/profile_json.h"
#include "tests/fuzz/fuzz_target.h"

#include <optional>

namespace starling {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Reading {
  std::vector<std::string> header;
  Rows rows;
  ml::CsvDialect dialect;
  std::string error;
};

Reading read(std::string_view text, const ml::CsvOptions& options) {
  Reading out;
  ml::CsvParser parser{[&out](const ml::CsvBatch& batch) -> Result<> {
                         for (std::size_t i = 0; i < batch.rows(); ++i)
                           out.rows.emplace_back(batch.row(i).begin(), batch.row(i).end());
                         return {};
                       },
                       options};
  auto done = parser.feed(text);
  if (done) done = parser.finish();
  if (!done) out.error = done.error().detail;
  out.header = parser.header();
  out.dialect = parser.dialect();
  return out;
}

std::string quoted(const Reading& reading) {
  Rows records{reading.header};
  records.insert(records.end(), reading.rows.begin(), reading.rows.end());
  std::string text;
  for (const auto& record : records) {
    for (const auto& field : record) {
      text += &field == record.data() ? "\"" : ",\"";
      for (const char c : field)
        text.append(c == '"' ? 2 : 1, c);
      text += '"';
    }
    text += '\n';
  }
  return text;
}

void check_profile(std::string_view text, const Reading& reading) {
  auto builder = ml::ProfileBuilder::make(reading.header, reading.dialect.decimal).value();
  ml::CsvParser parser{[&builder](const ml::CsvBatch& batch) -> Result<> {
                         builder.add(batch);
                         return {};
                       },
                       ml::CsvOptions{reading.dialect}};
  parser.feed(text).value();
  parser.finish().value();
  const auto profile = builder.finish(reading.dialect, parser.remarks());
  fuzz::require(profile.has_value(), "a table that can be read has a profile");
  fuzz::require(profile->rows == reading.rows.size(), "of all its rows");
  const auto back = ml::profile_from_stored(ml::stored_profile(*profile).value());
  fuzz::require(back.has_value(), "which survives being stored");
  fuzz::require(ml::to_json(*back) == ml::to_json(*profile), "and means the same");
}

}  // namespace
}  // namespace starling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size == 0) return 0;
  const std::string_view text = as_text(fuzz::as_bytes_view(data + 1, size - 1));
  const Reading reading = read(text, {});
  if (!reading.error.empty()) return 0;
  fuzz::count_accepted();
  for (const auto& row : reading.rows)
    fuzz::require(row.size() == reading.header.size(), "every row has the header's width");
  const Reading again = read(text, ml::CsvOptions{reading.dialect});
  fuzz::require(again.error.empty() && again.rows == reading.rows, "its dialect reads it again");
  ml::CsvOptions plain{ml::CsvDialect{}};
  const Reading written = read(quoted(reading), plain);
  fuzz::require(written.rows == reading.rows, "its rows survive being written as CSV");
  check_profile(text, reading);
  return 0;
}
