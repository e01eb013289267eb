/// A byte stream in sealed records: `crypto_secretstream_xchacha20poly1305` of libsodium.
///
/// Wire: header 24 bytes, then records: length u32 little endian | that many sealed bytes. A record
/// holds at most 64 KiB; its length is authenticated with it. Records can be neither left out, nor
/// repeated, nor put in another order, nor taken from another stream. The key moves on with every
/// GiB and every hour.
///
/// Threads: one each.
#pragma once

#include "node/base/bytes.h"
#include "node/base/error.h"
#include "node/base/ids.h"

#include <array>
#include <memory>

namespace starling::node {

inline constexpr std::size_t kRecordPlainMax = 64 << 10;

/// Seals one direction.
class RecordSealer {
 public:
  explicit RecordSealer(const std::array<std::uint8_t, 32>& key);
  ~RecordSealer();
  RecordSealer(RecordSealer&&) noexcept;
  RecordSealer& operator=(RecordSealer&&) noexcept;

  /// Appends `plain`, at most `kRecordPlainMax`, as one record to `out`; the first one behind the
  /// stream's header. `now` decides when the key moves on.
  void seal(BytesView plain, MonoTime now, Bytes& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Opens one direction, from any split of its bytes.
class RecordOpener {
 public:
  explicit RecordOpener(const std::array<std::uint8_t, 32>& key);
  ~RecordOpener();
  RecordOpener(RecordOpener&&) noexcept;
  RecordOpener& operator=(RecordOpener&&) noexcept;

  /// Appends what whole records say to `plain`.
  /// Errors: `corrupt`; what came before it is in `plain`, and the stream must be closed.
  Result<> feed(BytesView arrived, Bytes& plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starling::node
