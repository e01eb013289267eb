/// The replicated state as an ordered map of keys to bytes: RocksDB on a node, a map in a test.
///
/// `apply(view, command) -> Changes` is the whole contract between a state machine and the store
/// that keeps it, so the same code runs over both.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling {

/// Reading. Keys are ordered as unsigned bytes.
class StateView {
 public:
  virtual ~StateView() = default;

  virtual std::optional<std::string> get(std::string_view key) const = 0;

  /// Calls `visit` for each key in [from, until), in order, until it returns false.
  /// An empty `until` means "to the end".
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  virtual void scan(std::string_view from, std::string_view until, const Visit& visit) const = 0;
};

/// Writing, as a value: first all ranges are erased, then the writes are made.
struct Changes {
  struct Range {
    std::string from;
    std::string until;  ///< not erased itself; after `from`

    bool contains(std::string_view key) const { return key >= from && key < until; }

    friend bool operator==(const Range&, const Range&) = default;
  };

  std::vector<Range> erased;
  std::map<std::string, std::optional<std::string>, std::less<>> writes;  ///< nothing: "delete"

  friend bool operator==(const Changes&, const Changes&) = default;

  void put(std::string key, std::string value) { writes[std::move(key)] = std::move(value); }

  void erase(std::string key) { writes[std::move(key)] = std::nullopt; }

  /// Erases all keys in [from, until), also what was put there before. For what would be many
  /// deletes: a log-structured store keeps one mark instead of one for each key.
  void erase_range(std::string from, std::string until);

  /// Whether a range that is erased holds `key`.
  bool is_erased(std::string_view key) const;

  /// `later` is made after this.
  void add(Changes later);
};

/// The smallest key that is greater than every key starting with `prefix`. Empty: there is none.
std::string end_of_prefix(std::string_view prefix);

/// A view of a map it owns: the store of tests and of the simulator.
class MapView : public StateView {
 public:
  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view until, const Visit& visit) const override;

  void commit(const Changes& changes);

  const std::map<std::string, std::string, std::less<>>& all() const { return map_; }

 private:
  std::map<std::string, std::string, std::less<>> map_;
};

/// `base` with `changes` laid over it: what the next command of one batch sees.
class OverlayView : public StateView {
 public:
  /// Both must outlive the view.
  OverlayView(const StateView& base, const Changes& changes) : base_(base), changes_(changes) {}

  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view until, const Visit& visit) const override;

 private:
  const StateView& base_;
  const Changes& changes_;
};

}  // namespace starling
