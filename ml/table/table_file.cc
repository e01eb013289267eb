#include "ml/table/table_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace starling::ml {
namespace {

Error io_error(const std::filesystem::path& path, int number) {
  return {Errc::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(number))};
}

Result<> feed_all(int file, const std::filesystem::path& path, CsvParser& parser) {
  std::vector<char> piece(kCsvPieceBytes);
  for (;;) {
    const ssize_t size = ::read(file, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return io_error(path, errno);
    if (size == 0) return parser.finish();
    auto fed = parser.feed({piece.data(), static_cast<std::size_t>(size)});
    if (!fed) return fed;
  }
}

}  // namespace

Result<> read_csv_file(const std::filesystem::path& path, CsvParser& parser) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return io_error(path, errno);
  auto read = feed_all(file, path, parser);
  ::close(file);
  return read;
}

Result<TableProfile> profile_file(const std::filesystem::path& path) {
  std::optional<ProfileBuilder> builder;
  CsvParser parser{[&](const CsvRow& row) -> Result<> {
    if (!builder) builder.emplace(parser.header());
    builder->add_row(row.fields);
    return {};
  }};
  const auto read = read_csv_file(path, parser);
  if (!read) return read.error();
  return builder->finish(parser.delimiter());
}

Result<Table> load_table(const std::filesystem::path& path,
                         const TableProfile& profile,
                         std::string_view target) {
  std::optional<TableBuilder> builder;
  CsvParser parser{[&](const CsvRow& row) -> Result<> {
    if (!builder) {
      const auto& names = parser.header();
      bool is_same = names.size() == profile.columns.size();
      for (std::size_t i = 0; is_same && i < names.size(); ++i) {
        is_same = names[i] == profile.columns[i].name;
      }
      if (!is_same)
        return Error{Errc::conflict, "the file does not have the columns of its profile"};
      builder.emplace(names, profile, target);
    }
    builder->add_row(row.fields);
    return {};
  }};
  const auto read = read_csv_file(path, parser);
  if (!read) return read.error();
  return std::move(*builder).finish();
}

}  // namespace starling::ml
