#include "ml/study/state_backup.h"

#include "ml/study/state_keys.h"
#include "node/base/bytes.h"
#include "node/base/state_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic = "STARLBK1";
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kHeadBytesMax = 4096;
constexpr std::size_t kPieceBytes = 256 << 10;

bool is_of_members(std::string_view key) {
  static constexpr std::array<std::string_view, 7> kPrefixes{keys::kMembers,
                                                             keys::kMemberKeys,
                                                             keys::kRemoved,
                                                             keys::kInvites,
                                                             keys::kRing,
                                                             keys::kMemberChange,
                                                             keys::kMemberCount};
  return std::ranges::any_of(kPrefixes,
                             [key](std::string_view prefix) { return key.starts_with(prefix); });
}

std::string length_of(std::size_t count) {
  return big_endian_key(count).substr(8 - kLengthBytes);
}

Error bad(std::string_view what) {
  return Error{Errc::corrupt, fmt::format("this is no whole backup: {}", what)};
}

std::string text_of(const BackupHead& head) {
  return Json{{"swarm", head.swarm.hex()},
              {"index", head.index.value},
              {"time_ms", head.time_ms},
              {"version", 1}}
      .dump();
}

Result<BackupHead> parse_head(const std::string& text) {
  const auto json = Json::parse(text, nullptr, false);
  const auto is_number = [&json](const char* name) {
    return json.contains(name) && json[name].is_number_unsigned();
  };
  const bool has_all = json.is_object() && json.contains("swarm") && json["swarm"].is_string() &&
                       is_number("index") && is_number("time_ms") && is_number("version");
  const auto swarm = has_all ? SwarmId::from_hex(json["swarm"].get<std::string>()) : std::nullopt;
  if (!swarm || json["version"] != 1) return bad("its head is not one of version 1");
  return BackupHead{*swarm, {json["index"].get<std::uint64_t>()}, json["time_ms"]};
}

/// What is read, counted into the hash.
class Counted {
 public:
  explicit Counted(const BackupSource& source) : source_(source) {}

  Result<std::string> read(std::size_t count) {
    auto bytes = source_(count);
    if (bytes) hasher_.update(as_bytes(*bytes));
    return bytes;
  }

  Result<std::size_t> read_length() {
    const auto bytes = read(kLengthBytes);
    if (!bytes) return bytes.error();
    return static_cast<std::size_t>(
        from_big_endian_key(std::string(8 - kLengthBytes, '\0') + *bytes));
  }

  bool ends_with(std::string_view hash) { return as_text(view_of(hasher_.so_far().bytes)) == hash; }

 private:
  static BytesView as_bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

  const BackupSource& source_;
  ContentHasher hasher_;
};

}  // namespace

BackupWriter::BackupWriter(std::shared_ptr<const StateView> state, const BackupHead& head)
    : state_(std::move(state)), head_(head) {}

std::string BackupWriter::counted(std::string bytes) {
  hasher_.update(std::as_bytes(std::span{bytes}));
  return bytes;
}

std::string BackupWriter::next() {
  if (part_ == Part::end) return {};
  if (part_ == Part::head) {
    part_ = Part::pieces;
    const std::string head = text_of(head_);
    return counted(std::string{kMagic} + length_of(head.size()) + head);
  }
  std::string pairs;
  state_->scan(from_, {}, [&](std::string_view key, std::string_view value) {
    if (!pairs.empty() && pairs.size() + key.size() + value.size() > kPieceBytes) return false;
    from_ = std::string{key} + '\0';
    if (!is_of_members(key)) append_pair(pairs, key, value);
    return true;
  });
  std::string piece = counted(length_of(pairs.size()) + pairs);
  if (!pairs.empty()) return piece;
  part_ = Part::end;
  return piece + std::string{as_text(view_of(hasher_.so_far().bytes))};
}

BackupSource source_of(std::istream& file) {
  return [&file](std::size_t count) -> Result<std::string> {
    std::string bytes(count, '\0');
    if (!file.read(bytes.data(), static_cast<std::streamsize>(count)))
      return bad("it ends too early");
    return bytes;
  };
}

Result<BackupHead> read_backup(const BackupSource& source,
                               const std::function<Result<>(std::string pairs)>& take) {
  Counted in{source};
  const auto magic = in.read(kMagic.size());
  if (!magic) return magic.error();
  if (*magic != kMagic) return bad("it does not begin as one");
  const auto head_bytes = in.read_length();
  if (!head_bytes) return head_bytes.error();
  if (*head_bytes > kHeadBytesMax) return bad("its head is too long");
  const auto text = in.read(*head_bytes);
  if (!text) return text.error();
  const auto head = parse_head(*text);
  if (!head) return head.error();
  for (;;) {
    const auto count = in.read_length();
    if (!count) return count.error();
    if (*count == 0) break;
    if (*count > kBackupPieceBytesMax) return bad("a piece is too long");
    auto pairs = in.read(*count);
    if (!pairs) return pairs.error();
    if (!for_each_pair(*pairs, [](std::string_view, std::string_view) {}))
      return bad("a piece is no row of pairs");
    if (auto taken = take(std::move(*pairs)); !taken) return taken.error();
  }
  const auto hash = source(kHashBytes);
  if (!hash) return hash.error();
  if (!in.ends_with(*hash)) return bad("its bytes are not those that were written");
  return *head;
}

}  // namespace starling::ml
