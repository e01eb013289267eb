#include "ml/work/checkpoint_file.h"

#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>

namespace starling::ml {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashBytes = sizeof(ContentHash::bytes);
constexpr std::size_t kHeadBytesMax = kCheckpointFileBytesMax - kCheckpointBytesMax;

/// Of the first `bytes` of a file, or nothing if it has not so many.
std::optional<ContentHash> hash_of_file(std::istream& in, std::uint64_t bytes) {
  std::array<char, 1 << 16> piece;
  ContentHasher hasher;
  while (bytes > 0) {
    const auto size = static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, piece.size()));
    if (!in.read(piece.data(), size)) return std::nullopt;
    hasher.update(std::as_bytes(std::span{piece.data(), static_cast<std::size_t>(size)}));
    bytes -= static_cast<std::uint64_t>(size);
  }
  return hasher.finish();
}

}  // namespace

fs::path checkpoint_before(const fs::path& path) {
  return path.string() + ".before";
}

std::optional<std::uint64_t> whole_checkpoint_bytes(std::istream& in) {
  const auto size = in.seekg(0, std::ios::end) ? static_cast<std::int64_t>(in.tellg()) : 0;
  if (size < static_cast<std::int64_t>(kHashBytes)) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(size) - kHashBytes;
  if (bytes > kCheckpointFileBytesMax) return std::nullopt;
  in.seekg(0);
  const auto hash = hash_of_file(in, bytes);
  ContentHash said;
  const bool is_whole =
      hash && in.read(reinterpret_cast<char*>(said.bytes.data()), kHashBytes) && said == *hash;
  in.seekg(0);
  return is_whole ? std::optional{bytes} : std::nullopt;
}

Result<> append_checkpoint_hash(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  const auto hash = error ? std::nullopt : hash_of_file(in, size);
  if (!hash) return Error{Errc::io, fmt::format("{} cannot be read back", path.string())};
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(hash->bytes.data()), kHashBytes);
  out.close();
  if (!out) return Error{Errc::io, fmt::format("{} cannot be written", path.string())};
  return {};
}

/// The last one gets a second name first, so that at no time there is none.
Result<> place_checkpoint(const fs::path& unfinished, const fs::path& path) {
  std::error_code error;
  fs::remove(checkpoint_before(path), error);
  fs::create_hard_link(path, checkpoint_before(path), error);  // there may be none yet
  fs::rename(unfinished, path, error);
  if (error) return Error{Errc::io, fmt::format("{}: {}", path.string(), error.message())};
  return {};
}

std::optional<std::uint32_t> claimed_checkpoint_epoch(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  for (char c = 0; line.size() < kHeadBytesMax && in.get(c) && c != '\n';)
    line.push_back(c);
  const auto head = nlohmann::json::parse(line, nullptr, false);
  if (!head.is_object()) return std::nullopt;
  const auto progress = head.find("progress");
  if (progress == head.end() || !progress->is_array()) return std::nullopt;
  return static_cast<std::uint32_t>(progress->size());
}

std::optional<std::uint32_t> checkpoint_epoch(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || !whole_checkpoint_bytes(in)) return std::nullopt;
  return claimed_checkpoint_epoch(path);
}

}  // namespace starling::ml
