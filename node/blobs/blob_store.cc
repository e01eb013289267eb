#include "node/blobs/blob_store.h"

#include "node/base/assert.h"
#include "node/base/durable_file.h"
#include "node/blobs/blob_files.h"

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

constexpr std::string_view kPartExtension = ".part";

Error no_such_blob(const ContentHash& hash) {
  return {Errc::not_found, fmt::format("this node has no blob {}", hash.hex())};
}

Error damaged(const ContentHash& hash, std::string_view how) {
  return {Errc::corrupt, fmt::format("this node's copy of blob {} {}", hash.hex(), how)};
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
  const auto written = write_fully(file_, size_, piece);
  if (!written)
    return Error{written.error().code,
                 fmt::format("write {}: {}", temporary_.string(), written.error().detail)};
  hasher_.update(piece);
  chunks_.update(piece);
  size_ += piece.size();
  return {};
}

Result<ContentHash> BlobWriter::finish() {
  const auto synced = sync();
  if (!synced) return synced.error();
  const ContentHash hash = hasher_.finish();
  const auto named = name_blob(directory_, temporary_, hash, chunks_.finish());
  if (!named) return named.error();
  temporary_.clear();
  return hash;
}

Result<> BlobWriter::finish_as(const ContentHash& expected) {
  const auto synced = sync();
  if (!synced) return synced;
  const ContentHash hash = hasher_.finish();
  if (hash == expected) {
    const auto named = name_blob(directory_, temporary_, hash, chunks_.finish());
    if (named) temporary_.clear();
    return named;
  }
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
  errno = why;
  if (synced != 0) return system_error("fsync", temporary_);
  return {};
}

Result<std::unique_ptr<BlobStore>> BlobStore::open(const fs::path& directory) {
  std::error_code ec;
  const fs::path incoming = directory / kIncomingFolder;
  fs::create_directories(incoming, ec);
  if (ec) return Error{Errc::io, fmt::format("create {}: {}", incoming.string(), ec.message())};
  for (fs::directory_iterator at{incoming, ec}, end; !ec && at != end; at.increment(ec)) {
    std::error_code left;  // Whoever wrote there has crashed.
    if (at->path().extension() != kPartExtension) fs::remove_all(at->path(), left);
  }
  return std::unique_ptr<BlobStore>{new BlobStore{directory}};
}

Result<std::unique_ptr<BlobWriter>> BlobStore::create() {
  std::string name = (directory_ / kIncomingFolder / "blob-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return system_error("create", name);
  return std::make_unique<BlobWriter>(directory_, name, file);
}

bool BlobStore::has(const ContentHash& hash) const {
  return ::access(path(hash).c_str(), F_OK) == 0;
}

fs::path BlobStore::path(const ContentHash& hash) const {
  return blob_path(directory_, hash);
}

Result<Bytes> BlobStore::read(const ContentHash& hash,
                              std::uint64_t offset,
                              std::size_t size) const {
  const fs::path name = path(hash);
  const OpenFile file{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) return errno == ENOENT ? no_such_blob(hash) : system_error("open", name);

  struct stat facts {};

  if (::fstat(file.get(), &facts) != 0) return system_error("stat", name);
  const auto total = static_cast<std::uint64_t>(facts.st_size);
  if (offset >= total) return Bytes{};

  Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size, total - offset)));
  if (auto read = read_fully(file.get(), offset, bytes); !read)
    return Error{read.error().code, fmt::format("read {}: {}", name.string(), read.error().detail)};
  return bytes;
}

Result<std::uint64_t> BlobStore::size(const ContentHash& hash) const {
  struct stat facts {};

  const fs::path name = path(hash);
  if (::stat(name.c_str(), &facts) == 0) return static_cast<std::uint64_t>(facts.st_size);
  if (errno == ENOENT) return no_such_blob(hash);
  return system_error("stat", name);
}

Result<std::shared_ptr<PartialBlob>> BlobStore::create_part(const ContentHash& hash,
                                                            ChunkList list) {
  return PartialBlob::open(directory_, hash, std::move(list));
}

Result<ChunkList> BlobStore::chunks(const ContentHash& hash) {
  if (!has(hash)) return no_such_blob(hash);
  const fs::path stored = chunks_path(directory_, hash);
  const auto text = read_file(stored);
  if (auto list = text ? decode_chunk_list(to_bytes(*text)) : Result<ChunkList>{text.error()}; list)
    return list;
  const auto digest = digest_of(path(hash));
  if (!digest) return digest.error();
  if (digest->hash != hash) return damaged(hash, "has another hash");
  // Where that fails, also because another thread does it, the list is made again.
  static_cast<void>(write_file_atomically(stored, as_text(encode_chunk_list(digest->list)), 0600));
  return digest->list;
}

Result<> BlobStore::check_chunk(const ContentHash& hash,
                                const ChunkList& list,
                                std::size_t chunk) const {
  const auto bytes = read(hash, chunk * kChunkBytes, kChunkBytes);
  if (!bytes) return bytes.error();
  if (bytes->size() == list.size_of(chunk) && hash_of(*bytes) == list.chunks.at(chunk)) return {};
  return damaged(hash, fmt::format("is damaged in chunk {} of {}", chunk + 1, list.chunks.size()));
}

bool BlobStore::is_checked(const ContentHash& hash) {
  const std::lock_guard lock{mutex_};
  return checked_.contains(hash) && has(hash);
}

Result<> BlobStore::check(const ContentHash& hash) {
  if (is_checked(hash)) return {};
  const auto list = chunks(hash);
  if (!list) return list.error();
  for (std::size_t chunk = 0; chunk < list->chunks.size(); ++chunk) {
    if (is_stopped_) return Error{Errc::unavailable, "this node is stopping"};
    if (auto whole = check_chunk(hash, *list, chunk); !whole) return whole;
  }
  const std::lock_guard lock{mutex_};
  checked_.insert(hash);
  return {};
}

Result<> BlobStore::set_aside(const ContentHash& hash) {
  {
    const std::lock_guard lock{mutex_};
    checked_.erase(hash);
  }
  if (::rename(path(hash).c_str(), partial_path(directory_, hash).c_str()) == 0) return {};
  return errno == ENOENT ? Result<>{no_such_blob(hash)}
                         : Result<>{system_error("set aside", path(hash))};
}

Result<> BlobStore::remove(const ContentHash& hash) {
  {
    const std::lock_guard lock{mutex_};
    checked_.erase(hash);
  }
  const bool had_part = static_cast<bool>(remove_part(hash));
  const fs::path name = path(hash);
  const bool had = ::unlink(name.c_str()) == 0;
  if (!had && errno != ENOENT) return system_error("remove", name);
  ::unlink(chunks_path(directory_, hash).c_str());  // without its blob it says nothing
  return had || had_part ? Result<>{} : Result<>{no_such_blob(hash)};
}

Result<> BlobStore::remove_part(const ContentHash& hash) {
  const fs::path part = partial_path(directory_, hash);
  if (::unlink(part.c_str()) == 0) return {};
  return errno == ENOENT ? Result<>{no_such_blob(hash)} : Result<>{system_error("remove", part)};
}

fs::path BlobStore::file_of(const ContentHash& hash) const {
  return has(hash) ? path(hash) : partial_path(directory_, hash);
}

void BlobStore::note_needed(const ContentHash& hash) const {
  std::error_code ignored;  // Then it seems to be needed a little less long.
  fs::last_write_time(file_of(hash), fs::file_time_type::clock::now(), ignored);
}

std::chrono::seconds BlobStore::unneeded_for(const ContentHash& hash) const {
  std::error_code error;
  const auto since = fs::last_write_time(file_of(hash), error);
  if (error) return std::chrono::seconds{0};
  return std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() - since);
}

std::vector<ContentHash> BlobStore::parts() const {
  std::vector<ContentHash> hashes;
  std::error_code ec;
  const fs::path incoming = directory_ / kIncomingFolder;
  for (fs::directory_iterator at{incoming, ec}, end; !ec && at != end; at.increment(ec)) {
    const auto hash = ContentHash::from_hex(at->path().stem().string());
    if (hash) hashes.push_back(*hash);
  }
  return hashes;
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
