#include "bootstrap/identity.h"

#include "node/base/bytes.h"
#include "node/base/clock.h"
#include "node/base/durable_file.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

using Json = nlohmann::json;
constexpr int kIdentityVersion = 1;
constexpr const char* kQuarantine = "quarantine";
constexpr const char* kForgetSwarm = "forget the swarm";  // a line of it

}  // namespace

Result<std::unique_ptr<Identity>> Identity::open(const std::filesystem::path& data) {
  std::error_code failed;
  std::filesystem::create_directories(data, failed);
  if (failed) {
    return Error{Errc::io,
                 fmt::format("--data {}: cannot be created: {}", data.string(), failed.message())};
  }
  const auto lock_path = data / "lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return system_error("cannot open", lock_path);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Error{Errc::conflict,
                 fmt::format("--data {}: another starling process uses this directory; stop it or "
                             "choose another directory",
                             data.string())};
  }
  std::unique_ptr<Identity> identity{new Identity{data, lock}};
  if (auto loaded = identity->load_or_create(); !loaded) return loaded.error();
  return identity;
}

Identity::~Identity() {
  ::close(lock_);
}

Result<> Identity::load_or_create() {
  const auto text = read_file(data_ / "identity");
  if (!text && text.error().code != Errc::not_found) return text.error();
  if (!text) return create();
  if (auto loaded = load(*text); !loaded) return loaded;
  return leave_quarantine();
}

Result<> Identity::create() {
  if (std::filesystem::exists(data_ / "state")) {
    return Error{Errc::corrupt,
                 fmt::format("{} has a state but no identity file; restore the file, or empty the "
                             "directory to join as a new node",
                             data_.string())};
  }
  secret_ = node::NodeSecret::generate();
  return save();
}

Result<> Identity::load(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  const auto field = [&json](const char* name) {
    return json.is_object() && json.contains(name) && json[name].is_string()
               ? json[name].get<std::string>()
               : std::string{};
  };
  const auto public_key = from_hex(field("public_key"));
  const auto secret_key = from_hex(field("secret_key"));
  auto secret = node::NodeSecret::from_bytes(
      public_key.value_or(Bytes{}),
      secret_key.value_or(Bytes{}),
      json.is_object() ? json.value("disk_incarnation", std::uint64_t{0}) : 0);
  if (!secret || field("node") != secret->node().hex()) {
    return Error{Errc::corrupt,
                 fmt::format("{}/identity does not parse; restore it, or empty the directory to "
                             "join as a new node",
                             data_.string())};
  }
  secret_ = *secret;
  swarm_ = SwarmId::from_hex(field("swarm"));
  recovery_epoch_ = json.value("recovery_epoch", std::uint64_t{0});
  is_founding_ = field("founding") == "true";
  has_founded_by_proof_ = field("founded_by") == "proof";
  return {};
}

Result<> Identity::quarantine(std::string_view why) {
  return write_file_atomically(data_ / kQuarantine, std::string{why} + "\n", 0600);
}

Result<> Identity::leave_swarm(std::string_view why) {
  const std::string text = fmt::format("{}\n{}\n", why, kForgetSwarm);
  return write_file_atomically(data_ / kQuarantine, text, 0600);
}

/// In an order that a crash may interrupt anywhere: the old state is aside, then the node is new,
/// then the quarantine is over.
Result<> Identity::leave_quarantine() {
  const auto why = read_file(data_ / kQuarantine);
  if (!why && why.error().code != Errc::not_found) return why.error();
  const bool has_state = std::filesystem::exists(data_ / "state");
  if (!why) {
    if (!swarm_ || is_founding_ || has_state) return {};
    return renew("its state is gone");
  }
  std::string said = why->substr(0, why->find('\n'));
  if (has_state) {
    int number = 1;
    while (std::filesystem::exists(data_ / fmt::format("state.lost-{}", number)))
      ++number;
    const auto aside = data_ / fmt::format("state.lost-{}", number);
    if (::rename((data_ / "state").c_str(), aside.c_str()) != 0)
      return system_error("cannot rename to", aside);
    if (auto synced = sync_folder(data_); !synced) return synced;
    said += fmt::format("; the old state is kept in {}", aside.string());
  }
  if (why->ends_with(fmt::format("\n{}\n", kForgetSwarm))) {
    swarm_.reset();
    recovery_epoch_ = 0;
  }
  if (auto renewed = renew(said); !renewed) return renewed;
  if (::unlink((data_ / kQuarantine).c_str()) != 0)
    return system_error("cannot remove", data_ / kQuarantine);
  return sync_folder(data_);
}

Result<> Identity::renew(const std::string& why) {
  secret_.set_disk_incarnation(secret_.key().disk_incarnation + 1);
  is_founding_ = false;
  has_founded_by_proof_ = false;
  renewed_because_ = why;
  return save();
}

Result<> Identity::save() const {
  Json json{{"version", kIdentityVersion},
            {"public_key", to_hex(view_of(secret_.key().public_key))},
            {"secret_key", to_hex(secret_.secret_key())},
            {"disk_incarnation", secret_.key().disk_incarnation},
            {"node", node().hex()}};
  if (swarm_) json["swarm"] = swarm_->hex();
  if (recovery_epoch_ > 0) json["recovery_epoch"] = recovery_epoch_;
  if (is_founding_) json["founding"] = "true";
  if (has_founded_by_proof_) json["founded_by"] = "proof";
  return write_file_atomically(data_ / "identity", json.dump(1) + "\n", 0600);
}

Result<> Identity::set_recovery_epoch(std::uint64_t epoch) {
  recovery_epoch_ = epoch;
  return save();
}

Result<> Identity::join(SwarmId swarm, std::uint64_t recovery_epoch) {
  swarm_ = swarm;
  recovery_epoch_ = recovery_epoch;
  return save();
}

Result<> Identity::found(SwarmId swarm, bool by_proof) {
  swarm_ = swarm;
  is_founding_ = true;
  has_founded_by_proof_ = by_proof;
  return save();
}

Result<> Identity::founded() {
  is_founding_ = false;
  return save();
}

Result<std::uint64_t> Identity::next_incarnation() {
  const auto path = data_ / "incarnation";
  std::uint64_t last = 0;
  if (const auto text = read_file(path)) last = std::strtoull(text->c_str(), nullptr, 10);
  const std::uint64_t by_clock = (wall_now_ms() / 1000) << 20;
  // A clock that is behind must not let numbers come again that this node's datagrams have used.
  const std::uint64_t next = by_clock > last ? by_clock : last + (std::uint64_t{1} << 40);
  if (auto saved = write_file_atomically(path, std::to_string(next) + "\n", 0600); !saved)
    return saved.error();
  return next;
}

}  // namespace starling::bootstrap
