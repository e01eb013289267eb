/// The records of one write-ahead log of RocksDB, also of a damaged one.
///
/// Blocks of 32 KiB hold fragments: crc32c u32 (masked) | length u16 | type u8 | bytes, all little
/// endian; fewer than 7 bytes at a block's end are not used. A record is one full fragment, or a
/// first, middle ones and a last.
#pragma once

#include "node/base/bytes.h"

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace starling::consensus {

class WalScanner {
 public:
  explicit WalScanner(std::unique_ptr<rocksdb::SequentialFile> file) : file_(std::move(file)) {}

  /// The next whole record; nothing at the end. Behind damage it finds whatever is whole.
  std::optional<std::string> next();

  /// Where the first record begins that is not whole, as far as the scan has come.
  std::optional<std::uint64_t> damage() const { return damage_; }

  /// What the file system says.
  const rocksdb::Status& status() const { return status_; }

 private:
  struct Fragment {
    std::uint8_t type = 0;
    std::string_view bytes;
    bool is_after_gap = false;
  };

  bool read_block();
  std::optional<Fragment> fragment_at(std::size_t at) const;
  std::optional<Fragment> next_fragment();
  void note_damage(std::uint64_t offset);

  std::unique_ptr<rocksdb::SequentialFile> file_;
  rocksdb::Status status_;
  std::string block_;
  std::uint64_t block_begin_ = 0;
  std::size_t at_ = 0;
  std::uint64_t fragment_begin_ = 0;  ///< of the last fragment
  std::optional<std::uint64_t> damage_;
};

}  // namespace starling::consensus
