#include "tests/support/fault_disk.h"

#include <algorithm>
#include <utility>

namespace starling::tests {
namespace {

constexpr std::size_t kSectorBytes = 512;

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// Of a file's bytes, those that a crash left.
std::string cut_short(const FaultDisk::File& file, Random& random) {
  const std::size_t first = file.synced / kSectorBytes;
  const std::size_t last = file.bytes.size() / kSectorBytes + 1;
  const std::size_t end = (first + random.below(last - first + 1)) * kSectorBytes;
  return file.bytes.substr(0, std::max(file.synced, end));
}

std::string with_holes(const FaultDisk::File& file, Random& random) {
  std::string bytes = file.bytes;
  const double kept = random.unit();
  for (std::size_t at = file.synced; at < bytes.size();) {
    const std::size_t end = std::min((at / kSectorBytes + 1) * kSectorBytes, bytes.size());
    if (!random.chance(kept)) {
      const std::size_t torn = random.chance(0.1) ? random.below(end - at) : 0;
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at + torn),
                bytes.begin() + static_cast<std::ptrdiff_t>(end),
                '\0');
    }
    at = end;
  }
  return bytes;
}

/// Each sector that was written over is the old one or the new one, or torn between them.
void put_back(std::string& bytes, const FaultDisk::File& file, Random& random) {
  const double kept = random.chance(0.3) ? 0 : random.unit();
  for (const auto& [at, old] : file.before) {
    if (random.chance(kept)) continue;
    const std::size_t torn = random.chance(0.1) ? random.below(old.size()) : 0;
    if (at + torn < bytes.size()) bytes.replace(at + torn, old.size() - torn, old, torn);
  }
  for (const auto& [at, old] : file.lost)
    bytes.replace(at, old.size(), old);
}

std::string end_after_crash(const FaultDisk::File& file,
                            std::uint64_t luck,
                            Random& random,
                            TornEnd end) {
  if (file.synced == file.bytes.size()) return file.bytes;
  if (luck == 0) return file.bytes.substr(0, file.synced);
  if (luck == 1 && !file.lost_a_sync) return file.bytes;
  return end == TornEnd::cut ? cut_short(file, random) : with_holes(file, random);
}

std::string after_crash(const FaultDisk::File& file, Random& random, TornEnd end) {
  const bool is_synced = file.synced == file.bytes.size() && file.before.empty();
  if (is_synced && file.lost.empty()) return file.bytes;
  const std::uint64_t luck = random.below(4);
  std::string bytes = end_after_crash(file, luck, random, end);
  if (luck != 1 || file.lost_a_sync) put_back(bytes, file, random);
  return bytes;
}

}  // namespace

FaultDisk::FaultDisk(const DiskImage& image) {
  for (const auto& [path, bytes] : image) {
    state_.live[path] = std::make_shared<File>(File{path, bytes, bytes.size(), {}, {}, false});
  }
  state_.durable = state_.live;
}

std::optional<DiskFailure> FaultDisk::begin(DiskCall call, const std::string& path) {
  ++changes_;
  if (power_loss_ && changes_ >= *power_loss_ && !at_power_loss_) at_power_loss_ = copy_of(state_);
  const bool is_meant =
      planned_ && planned_->call == call && path.find(planned_->where) != std::string::npos;
  if (!is_meant) return std::nullopt;
  if (planned_->left > 1) {
    --planned_->left;
    return std::nullopt;
  }
  const DiskFailure failure = planned_->failure;
  if (!planned_->stays) planned_.reset();
  ++failures_;
  return failure;
}

/// Files are copied once, however many names they have.
FaultDisk::State FaultDisk::copy_of(const State& state) {
  std::map<FileRef, FileRef> copies;
  const auto copy = [&](const FileRef& file) {
    if (!file) return FileRef{};
    FileRef& made = copies[file];
    if (!made) made = std::make_shared<File>(*file);
    return made;
  };
  State out;
  for (const auto& [path, file] : state.live)
    out.live[path] = copy(file);
  for (const auto& [path, file] : state.durable)
    out.durable[path] = copy(file);
  for (const NameChange& each : state.pending)
    out.pending.push_back({each.path, copy(each.file), each.from});
  return out;
}

void FaultDisk::change(std::map<std::string, FileRef>& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.file)
    names[change.path] = change.file;
  else
    names.erase(change.path);
}

std::optional<DiskFailure> FaultDisk::create(const std::string& path) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::directory, path);
  if (failure) return failure;
  state_.pending.push_back({path, std::make_shared<File>(File{path, {}, 0, {}, {}, false}), {}});
  change(state_.live, state_.pending.back());
  return std::nullopt;
}

std::optional<DiskFailure> FaultDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::directory, to);
  if (failure) return failure;
  state_.pending.push_back({to, state_.live.at(from), from});
  change(state_.live, state_.pending.back());
  return std::nullopt;
}

std::optional<DiskFailure> FaultDisk::remove(const std::string& path) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::directory, path);
  if (failure) return failure;
  state_.pending.push_back({path, nullptr, {}});
  change(state_.live, state_.pending.back());
  return std::nullopt;
}

std::optional<DiskFailure> FaultDisk::append(const FileRef& file, std::string_view bytes) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::append, file->name);
  file->bytes += failure ? bytes.substr(0, bytes.size() / 2) : bytes;
  return failure;
}

void FaultDisk::write_over(File& file, std::size_t at, std::string_view bytes) {
  const std::size_t end = at + bytes.size();
  for (std::size_t i = at / kSectorBytes * kSectorBytes; i < std::min(end, file.synced);
       i += kSectorBytes) {
    auto lost = file.lost.extract(i);
    if (lost)
      file.before.insert(std::move(lost));
    else
      file.before.try_emplace(i, file.bytes, i, std::min(kSectorBytes, file.synced - i));
  }
  file.bytes.resize(std::max(file.bytes.size(), end));
  file.bytes.replace(at, bytes.size(), bytes);
}

std::optional<DiskFailure> FaultDisk::overwrite(const FileRef& file,
                                                std::size_t at,
                                                std::string_view bytes) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::append, file->name);
  write_over(*file, at, failure ? bytes.substr(0, bytes.size() / 2) : bytes);
  return failure;
}

std::optional<DiskFailure> FaultDisk::truncate(const FileRef& file, std::size_t size) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::append, file->name);
  if (failure) return failure;
  file->bytes.resize(size);
  file->synced = std::min(file->synced, size);
  return std::nullopt;
}

std::optional<DiskFailure> FaultDisk::sync(const FileRef& file) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::sync, file->name);
  if (file->lost_a_sync) ++repeated_syncs_;
  if (failure) {
    file->lost_a_sync = true;
    file->lost.merge(file->before);
    file->before.clear();
    return failure;
  }
  // New bytes at the end of such a file never get there; what was written over once more does.
  if (!file->lost_a_sync || file->synced == file->bytes.size()) file->synced = file->bytes.size();
  file->before.clear();
  return std::nullopt;
}

std::optional<DiskFailure> FaultDisk::sync_directory(const std::string& dir) {
  const std::lock_guard lock{mutex_};
  const auto failure = begin(DiskCall::directory_sync, dir);
  if (failure) return failure;
  std::erase_if(state_.pending, [&](const NameChange& each) {
    const bool is_here = directory_of(each.path) == dir;
    if (is_here) change(state_.durable, each);
    return is_here;
  });
  return std::nullopt;
}

FaultDisk::FileRef FaultDisk::find(const std::string& path) const {
  const std::lock_guard lock{mutex_};
  const auto found = state_.live.find(path);
  return found == state_.live.end() ? nullptr : found->second;
}

DiskImage FaultDisk::files() const {
  const std::lock_guard lock{mutex_};
  DiskImage image;
  for (const auto& [path, file] : state_.live)
    image[path] = file->bytes;
  return image;
}

std::vector<std::string> FaultDisk::children(const std::string& dir) const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> names;
  for (const auto& [path, file] : state_.live) {
    if (directory_of(path) == dir) names.push_back(path.substr(dir.size() + 1));
  }
  return names;
}

std::string FaultDisk::read(const FileRef& file, std::size_t offset, std::size_t size) const {
  if (before_read_) std::exchange(before_read_, nullptr)();
  const std::lock_guard lock{mutex_};
  return offset >= file->bytes.size() ? std::string{} : file->bytes.substr(offset, size);
}

std::size_t FaultDisk::size_of(const FileRef& file) const {
  const std::lock_guard lock{mutex_};
  return file->bytes.size();
}

void FaultDisk::fail(
    DiskCall call, std::uint64_t nth, DiskFailure failure, const std::string& where, bool stays) {
  const std::lock_guard lock{mutex_};
  planned_ = PlannedFailure{call, nth, failure, where, stays};
}

void FaultDisk::heal() {
  const std::lock_guard lock{mutex_};
  planned_.reset();
}

void FaultDisk::lose_power_at(std::uint64_t nth) {
  const std::lock_guard lock{mutex_};
  power_loss_ = changes_ + nth;
}

bool FaultDisk::has_lost_power() const {
  const std::lock_guard lock{mutex_};
  return at_power_loss_.has_value();
}

std::uint64_t FaultDisk::changes() const {
  const std::lock_guard lock{mutex_};
  return changes_;
}

std::uint64_t FaultDisk::failures() const {
  const std::lock_guard lock{mutex_};
  return failures_;
}

std::uint64_t FaultDisk::repeated_syncs() const {
  const std::lock_guard lock{mutex_};
  return repeated_syncs_;
}

DiskImage FaultDisk::crash(Random& random, TornEnd end) const {
  const std::lock_guard lock{mutex_};
  const State& state = at_power_loss_ ? *at_power_loss_ : state_;
  auto names = state.durable;
  const std::size_t kept = random.below(state.pending.size() + 1);
  for (std::size_t i = 0; i < kept; ++i)
    change(names, state.pending[i]);
  DiskImage image;
  for (const auto& [path, file] : names)
    image[path] = after_crash(*file, random, end);
  return image;
}

}  // namespace starling::tests
