#include "ml/table/table_file.h"

#include "ml/table/gunzip.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <unistd.h>
#include <utility>

namespace starling::ml {
namespace {

Error io_error(const std::filesystem::path& path, int number) {
  return {Errc::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(number))};
}

/// Packed or not: its first bytes tell.
Result<> feed_all(int file, const std::filesystem::path& path, CsvParser& parser) {
  std::vector<char> piece(kCsvPieceBytes);
  std::optional<Gunzip> packed;
  bool is_first = true;
  for (;;) {
    const ssize_t size = ::read(file, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return io_error(path, errno);
    if (size == 0 && packed) {
      if (auto ended = packed->finish(); !ended) return ended;
    }
    if (size == 0) return parser.finish();
    const std::string_view bytes{piece.data(), static_cast<std::size_t>(size)};
    if (std::exchange(is_first, false) && is_gzip(bytes))
      packed.emplace([&parser](std::string_view unpacked) { return parser.feed(unpacked); });
    auto fed = packed ? packed->feed(bytes) : parser.feed(bytes);
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

bool is_packed_file(const std::filesystem::path& path) {
  std::array<char, 2> first{};
  std::ifstream file(path, std::ios::binary);
  file.read(first.data(), first.size());
  return file && is_gzip({first.data(), first.size()});
}

Result<TableProfile> profile_file(const std::filesystem::path& path, const TableOptions& options) {
  std::optional<ProfileBuilder> builder;
  CsvParser* reading = nullptr;
  CsvParser parser{[&](const CsvBatch& batch) -> Result<> {
                     if (!builder) {
                       auto made = ProfileBuilder::make(
                           reading->header(), reading->dialect().decimal, options.columns);
                       if (!made) return made.error();
                       builder.emplace(std::move(*made));
                     }
                     builder->add(batch);
                     return {};
                   },
                   options.csv};
  reading = &parser;
  const auto read = read_csv_file(path, parser);
  if (!read) return read.error();
  auto profile = builder->finish(parser.dialect(), parser.remarks());
  if (profile) profile->is_packed = is_packed_file(path);
  return profile;
}

}  // namespace starling::ml
