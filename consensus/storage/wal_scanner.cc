#include "consensus/storage/wal_scanner.h"

#include "node/base/crc32c.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>

namespace starling::consensus {
namespace {

constexpr std::size_t kBlockBytes = 32768;
constexpr std::size_t kHeadBytes = 7;

enum FragmentType : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };

/// RocksDB stores checksums masked, so that a checksum over bytes that hold one is not special.
std::uint32_t masked(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace

bool WalScanner::read_block() {
  block_begin_ += block_.size();
  block_.resize(kBlockBytes);
  rocksdb::Slice read;
  status_ = file_->Read(kBlockBytes, &read, block_.data());
  const std::string_view bytes = status_.ok() ? read.ToStringView() : std::string_view{};
  if (bytes.data() != block_.data()) std::copy(bytes.begin(), bytes.end(), block_.begin());
  block_.resize(bytes.size());
  at_ = 0;
  return !block_.empty();
}

std::optional<WalScanner::Fragment> WalScanner::fragment_at(std::size_t at) const {
  if (block_.size() - at < kHeadBytes) return std::nullopt;
  const auto* head = reinterpret_cast<const unsigned char*>(block_.data()) + at;
  const std::uint8_t type = head[6];
  const std::size_t length = boost::endian::load_little_u16(head + 4);
  if (type < full || type > last || block_.size() - at - kHeadBytes < length) return std::nullopt;
  const BytesView checked = std::as_bytes(std::span{block_}).subspan(at + 6, 1 + length);
  if (masked(crc32c(0, checked)) != boost::endian::load_little_u32(head)) return std::nullopt;
  return Fragment{type, std::string_view{block_}.substr(at + kHeadBytes, length)};
}

void WalScanner::note_damage(std::uint64_t offset) {
  damage_ = std::min(damage_.value_or(offset), offset);
}

std::optional<WalScanner::Fragment> WalScanner::next_fragment() {
  for (bool has_gap = false;; ++at_) {
    const bool is_full_block = block_.size() == kBlockBytes;
    const bool is_used_up =
        at_ >= block_.size() || (is_full_block && block_.size() - at_ < kHeadBytes);
    if (is_used_up && !read_block()) return std::nullopt;
    auto fragment = fragment_at(at_);
    if (fragment) {
      fragment->is_after_gap = has_gap;
      fragment_begin_ = block_begin_ + at_;
      at_ += kHeadBytes + fragment->bytes.size();
      return fragment;
    }
    has_gap = true;
    note_damage(block_begin_ + at_);
  }
}

std::optional<std::string> WalScanner::next() {
  std::string record;
  std::optional<std::uint64_t> begin;  // of a record whose last fragment is still to come
  while (const auto fragment = next_fragment()) {
    const bool begins = fragment->type == full || fragment->type == first;
    if (begin && (begins || fragment->is_after_gap)) {
      note_damage(*begin);
      begin.reset();
    }
    if (!begin && !begins) {
      note_damage(fragment_begin_);
      continue;
    }
    if (begins) {
      record.clear();
      begin = fragment_begin_;
    }
    record += fragment->bytes;
    if (fragment->type == full || fragment->type == last) return record;
  }
  if (begin) note_damage(*begin);
  return std::nullopt;
}

}  // namespace starling::consensus
