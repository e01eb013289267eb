#include "ml/table/column_store.h"
#include "ml/table/joined_profile.h"
#include "ml/table/table_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace starling::ml {
namespace {

// A file of columns: this head, the block, then the levels as JSON. It is a cache of one machine,
// gone when the node starts anew, so neither byte order nor a power cut matters.
constexpr std::array<char, 8> kMagic{'s', 't', 'a', 'r', 'c', 'o', 'l', '1'};

struct Head {
  std::array<char, 8> magic{};
  std::uint64_t block_bytes = 0;
  std::uint64_t levels_bytes = 0;
  std::array<char, 40> unused{};
};

static_assert(sizeof(Head) == 64, "the block behind it is aligned");

Error io_error(const std::filesystem::path& path, std::string_view what, int number) {
  return {Errc::io, fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(number))};
}

class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : handle_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}

  File(const File&) = delete;
  File& operator=(const File&) = delete;

  ~File() {
    if (is_open()) ::close(handle_);
  }

  bool is_open() const { return handle_ >= 0; }

  int handle() const { return handle_; }

 private:
  int handle_;
};

/// Bytes of a file, or of nothing but memory, that go with the last who refers to them.
class Mapping {
 public:
  Mapping(int file, std::size_t bytes, bool is_writable) : bytes_(std::max<std::size_t>(bytes, 1)) {
    const int kind = file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    at_ = ::mmap(nullptr, bytes_, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, kind, file, 0);
  }

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  ~Mapping() {
    if (is_there()) ::munmap(at_, bytes_);
  }

  bool is_there() const { return at_ != MAP_FAILED; }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(at_), bytes_}; }

 private:
  std::size_t bytes_;
  void* at_;
};

bool has_columns(const TableProfile& profile, const std::vector<std::string>& names) {
  const auto is_same = [](const ColumnProfile& column, const std::string& name) {
    return column.name == name;
  };
  return std::equal(
      profile.columns.begin(), profile.columns.end(), names.begin(), names.end(), is_same);
}

using Sources = std::span<const TableSource>;

TableProfile profile_of(Sources sources) {
  std::vector<const TableProfile*> profiles;
  for (const TableSource& source : sources)
    profiles.push_back(&source.profile);
  return joined_profile(profiles);
}

Result<> add_source(const TableSource& source, ColumnWriter& writer) {
  writer.begin_source(source.profile);
  std::uint64_t rows = 0;
  CsvParser* reading = nullptr;
  CsvParser parser{
      [&](const CsvBatch& batch) -> Result<> {
        if (!has_columns(source.profile, reading->header())) {
          return Error{Errc::conflict, "the file does not have the columns of its profile"};
        }
        rows += batch.rows();
        if (rows > source.profile.rows)
          return Error{Errc::conflict, "the file has more rows than its profile"};
        return writer.add(batch);
      },
      CsvOptions{source.profile.dialect}};
  reading = &parser;
  if (auto read = read_csv_file(source.path, parser); !read) return read;
  if (rows == source.profile.rows) return {};
  return Error{Errc::conflict, "the file has fewer rows than its profile"};
}

Result<ColumnLayout> fill_block(Sources sources,
                                const TableProfile& profile,
                                std::span<std::byte> block) {
  ColumnWriter writer{profile, block};
  for (const TableSource& source : sources) {
    if (auto added = add_source(source, writer); !added) return added.error();
  }
  return std::move(writer).finish();
}

Result<Table> load_into_memory(Sources sources,
                               const TableProfile& profile,
                               const TableRoles& roles) {
  const std::size_t bytes = layout_of(profile).bytes;
  auto memory = std::make_shared<Mapping>(-1, bytes, true);
  if (!memory->is_there())
    return Error{Errc::io, fmt::format("no memory for the {} bytes of a table", bytes)};
  const auto block = memory->bytes().first(bytes);
  const auto layout = fill_block(sources, profile, block);
  if (!layout) return layout.error();
  return table_in(profile, roles, *layout, block, std::move(memory));
}

/// Writes all of `text` behind the block, then the head: a file without a head is no file yet.
bool write_ends(int file, const Head& head, const std::string& levels) {
  std::string_view left = levels;
  while (!left.empty()) {
    const auto at =
        static_cast<off_t>(sizeof(Head) + head.block_bytes + levels.size() - left.size());
    const ssize_t written = ::pwrite(file, left.data(), left.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::pwrite(file, &head, sizeof head, 0) == static_cast<ssize_t>(sizeof head);
}

Result<> write_columns(Sources sources,
                       const TableProfile& profile,
                       const std::filesystem::path& path) {
  const File file{path, O_RDWR | O_CREAT | O_TRUNC};
  if (!file.is_open()) return io_error(path, "write", errno);
  Head head;
  head.magic = kMagic;
  head.block_bytes = layout_of(profile).bytes;
  // A full disk must say so here: a mapped page without room would end the process.
  const auto whole = static_cast<off_t>(sizeof(Head) + head.block_bytes);
  if (const int failed = ::posix_fallocate(file.handle(), 0, whole); failed != 0)
    return io_error(path, "make room for", failed);
  const Mapping mapping{file.handle(), sizeof(Head) + head.block_bytes, true};
  if (!mapping.is_there()) return io_error(path, "map", errno);
  const auto block = mapping.bytes().subspan(sizeof(Head), head.block_bytes);
  const auto layout = fill_block(sources, profile, block);
  if (!layout) return layout.error();
  const std::string levels = levels_to_json(*layout);
  head.levels_bytes = levels.size();
  if (!write_ends(file.handle(), head, levels)) return io_error(path, "write", errno);
  return {};
}

/// Errors: `not_found` if there is no such file, or none that is whole.
Result<Table> map_columns(const std::filesystem::path& path,
                          const TableProfile& profile,
                          const TableRoles& roles) {
  const Error nothing{Errc::not_found, "no columns"};
  const File file{path, O_RDONLY};

  struct stat found {};

  if (!file.is_open() || ::fstat(file.handle(), &found) != 0) return nothing;
  const auto size = static_cast<std::uint64_t>(found.st_size);
  ColumnLayout layout = layout_of(profile);
  if (size < sizeof(Head) + layout.bytes) return nothing;
  auto mapping = std::make_shared<Mapping>(file.handle(), size, false);
  if (!mapping->is_there()) return io_error(path, "map", errno);
  Head head;
  std::memcpy(&head, mapping->bytes().data(), sizeof head);
  const bool is_whole = head.magic == kMagic && head.block_bytes == layout.bytes &&
                        head.levels_bytes == size - sizeof(Head) - layout.bytes;
  if (!is_whole) return nothing;
  const auto block = mapping->bytes().subspan(sizeof(Head), layout.bytes);
  const auto levels = mapping->bytes().subspan(sizeof(Head) + layout.bytes);
  const std::string_view text{reinterpret_cast<const char*>(levels.data()), levels.size()};
  if (auto read = levels_from_json(text, layout); !read) return nothing;
  return table_in(profile, roles, layout, block, std::move(mapping));
}

/// Maps the file of columns; writes it first if it is not there.
Result<Table> load_mapped(Sources sources,
                          const TableProfile& profile,
                          const TableRoles& roles,
                          const std::filesystem::path& columns) {
  auto mapped = map_columns(columns, profile, roles);
  if (mapped || mapped.error().code != Errc::not_found) return mapped;
  const File lock{columns.parent_path(), O_RDONLY | O_DIRECTORY};
  if (!lock.is_open()) return io_error(columns, "lock", errno);
  while (::flock(lock.handle(), LOCK_EX) != 0) {
    if (errno != EINTR) return io_error(columns, "lock", errno);
  }
  mapped = map_columns(columns, profile, roles);  // by whom we waited for
  if (mapped || mapped.error().code != Errc::not_found) return mapped;
  const std::string unfinished = columns.string() + ".new";
  if (auto written = write_columns(sources, profile, unfinished); !written) {
    ::unlink(unfinished.c_str());
    return written.error();
  }
  if (::rename(unfinished.c_str(), columns.c_str()) != 0) return io_error(columns, "name", errno);
  return map_columns(columns, profile, roles);
}

}  // namespace

Result<Table> load_table(Sources sources,
                         const TableRoles& roles,
                         const std::filesystem::path& columns) {
  const TableProfile profile = profile_of(sources);
  auto table = columns.empty() ? load_into_memory(sources, profile, roles)
                               : load_mapped(sources, profile, roles, columns);
  if (!table) return table;
  for (const TableSource& source : sources)
    table->source_rows.push_back(source.profile.rows);
  return table;
}

}  // namespace starling::ml
