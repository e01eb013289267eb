#include "node/blobs/blob_store.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace starling::node {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporaryFolder = "incoming";

/// Closes its file at the end of the scope.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file) {}

  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }

  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return file_; }

 private:
  int file_;
};

Error io_error(std::string_view what, const fs::path& path, int code = errno) {
  return {Errc::io,
          fmt::format("{} {}: {}", what, path.string(), std::generic_category().message(code))};
}

Error no_such_blob(const ContentHash& hash) {
  return {Errc::not_found, fmt::format("this node has no blob {}", hash.hex())};
}

Result<> sync_folder(const fs::path& folder) {
  const OpenFile file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file.get() < 0) return io_error("open", folder);
  if (::fsync(file.get()) != 0) return io_error("fsync", folder);
  return {};
}

Result<> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno != EEXIST) return io_error("create", folder);
  return {};
}

fs::path path_of(const fs::path& directory, const ContentHash& hash) {
  const std::string hex = hash.hex();
  return directory / hex.substr(0, 2) / hex;
}

}  // namespace

BlobWriter::BlobWriter(fs::path directory, fs::path temporary, int file)
    : directory_(std::move(directory)), temporary_(std::move(temporary)), file_(file) {}

BlobWriter::~BlobWriter() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<> BlobWriter::append(BytesView piece) {
  STARLING_ASSERT(file_ >= 0, "a finished blob takes no more pieces");
  hasher_.update(piece);
  while (!piece.empty()) {
    const ssize_t written = ::write(file_, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", temporary_);
    piece = piece.subspan(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<ContentHash> BlobWriter::finish() {
  const auto synced = sync();
  if (!synced) return synced.error();
  const ContentHash hash = hasher_.finish();
  const auto named = name(hash);
  if (!named) return named.error();
  return hash;
}

Result<> BlobWriter::finish_as(const ContentHash& expected) {
  const auto synced = sync();
  if (!synced) return synced;
  const ContentHash hash = hasher_.finish();
  if (hash == expected) return name(hash);
  return Error{
      Errc::corrupt,
      fmt::format(
          "{} bytes with the hash {} where {} was expected", size_, hash.hex(), expected.hex())};
}

Result<> BlobWriter::sync() {
  STARLING_ASSERT(file_ >= 0, "a blob is finished once");
  const int synced = ::fsync(file_);
  const int why = errno;
  ::close(std::exchange(file_, -1));
  if (synced != 0) return io_error("fsync", temporary_, why);
  return {};
}

Result<> BlobWriter::name(const ContentHash& hash) {
  const fs::path path = path_of(directory_, hash);
  const auto folder = make_folder(path.parent_path());
  if (!folder) return folder.error();
  if (::rename(temporary_.c_str(), path.c_str()) != 0) return io_error("rename to", path);
  temporary_.clear();
  return sync_folder(path.parent_path());
}

Result<std::unique_ptr<BlobStore>> BlobStore::open(const fs::path& directory) {
  std::error_code ec;
  const fs::path incoming = directory / kTemporaryFolder;
  fs::remove_all(incoming, ec);  // Whoever wrote there has crashed.
  if (ec) return io_error("remove", incoming, ec.value());
  fs::create_directories(incoming, ec);
  if (ec) return io_error("create", incoming, ec.value());
  return std::unique_ptr<BlobStore>{new BlobStore{directory}};
}

Result<std::unique_ptr<BlobWriter>> BlobStore::create() {
  std::string name = (directory_ / kTemporaryFolder / "blob-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return io_error("create", name);
  return std::make_unique<BlobWriter>(directory_, name, file);
}

bool BlobStore::has(const ContentHash& hash) const {
  return ::access(path(hash).c_str(), F_OK) == 0;
}

fs::path BlobStore::path(const ContentHash& hash) const {
  return path_of(directory_, hash);
}

Result<Bytes> BlobStore::read(const ContentHash& hash,
                              std::uint64_t offset,
                              std::size_t size) const {
  const fs::path name = path(hash);
  const OpenFile file{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) return errno == ENOENT ? no_such_blob(hash) : io_error("open", name);

  struct stat facts {};

  if (::fstat(file.get(), &facts) != 0) return io_error("stat", name);
  const auto total = static_cast<std::uint64_t>(facts.st_size);
  if (offset >= total) return Bytes{};

  Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size, total - offset)));
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(
        file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", name);
    if (got == 0) return Error{Errc::corrupt, fmt::format("{} became shorter", name.string())};
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<std::uint64_t> BlobStore::size(const ContentHash& hash) const {
  struct stat facts {};

  const fs::path name = path(hash);
  if (::stat(name.c_str(), &facts) == 0) return static_cast<std::uint64_t>(facts.st_size);
  if (errno == ENOENT) return no_such_blob(hash);
  return io_error("stat", name);
}

Result<> BlobStore::remove(const ContentHash& hash) {
  const fs::path name = path(hash);
  if (::unlink(name.c_str()) == 0) return {};
  if (errno == ENOENT) return no_such_blob(hash);
  return io_error("remove", name);
}

std::vector<ContentHash> BlobStore::list() const {
  std::vector<ContentHash> hashes;
  std::error_code ec;  // A file that goes away meanwhile is a blob that was removed.
  for (fs::recursive_directory_iterator at{directory_, ec}, end; !ec && at != end;
       at.increment(ec)) {
    const auto hash = ContentHash::from_hex(at->path().filename().string());
    if (hash) hashes.push_back(*hash);
  }
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

}  // namespace starling::node
