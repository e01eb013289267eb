#include "ml/table/column_store.h"

#include "ml/table/cell.h"
#include "ml/table/date.h"
#include "ml/table/short_number.h"
#include "ml/table/text_tokens.h"
#include "node/base/assert.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

/// Fixed for all time: another salt is another choice of test rows for every dataset.
constexpr std::string_view kRowSalt = "starling test rows";
constexpr std::size_t kAlignment = 64;
constexpr double kFloatWholeMax = 16'777'216;  // floats hold all whole numbers to here
constexpr std::string_view kNoCell;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// A target may be a column that is no feature, so roles do not matter here.
bool is_stored(const ColumnProfile& column) {
  return column.distinct > 0;
}

bool fits_floats(const ColumnProfile& column) {
  return is_numeric(column.type) && column.is_whole && std::abs(column.min) <= kFloatWholeMax &&
         std::abs(column.max) <= kFloatWholeMax;
}

std::size_t aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

template <class Value>
Value* values_at(std::span<std::byte> block, std::size_t offset) {
  return reinterpret_cast<Value*>(block.data() + offset);
}

template <class Value>
std::span<const Value> values_in(std::span<const std::byte> block,
                                 std::size_t offset,
                                 std::uint64_t count) {
  return {reinterpret_cast<const Value*>(block.data() + offset), count};
}

TableColumn column_in(const ColumnProfile& column,
                      const StoredColumn& stored,
                      std::span<const std::byte> block,
                      std::uint64_t rows) {
  TableColumn made;
  made.name = column.name;
  made.type = column.type;
  made.date_order = column.date_order;
  if (holds_words(column.type)) {
    made.words = values_in<std::uint64_t>(block, stored.offset, rows);
    if (column.type == ColumnType::text)
      made.tokens = values_in<std::int8_t>(block, stored.tokens, rows * kTextBuckets);
  } else if (!holds_numbers(column.type)) {
    made.codes = values_in<std::int32_t>(block, stored.offset, rows);
    made.levels = stored.levels;
  } else if (stored.is_single) {
    made.numbers = Numbers{values_in<float>(block, stored.offset, rows)};
  } else {
    made.numbers = Numbers{values_in<double>(block, stored.offset, rows)};
  }
  return made;
}

}  // namespace

ColumnLayout layout_of(const TableProfile& profile) {
  ColumnLayout layout;
  layout.rows = profile.rows;
  std::size_t offset = 0;
  for (std::size_t i = 0; i < profile.columns.size(); ++i) {
    const ColumnProfile& column = profile.columns[i];
    if (!is_stored(column)) continue;
    const bool is_single = fits_floats(column);
    const bool is_wide = !is_single && (holds_numbers(column.type) || holds_words(column.type));
    layout.columns.push_back({column.name, i, offset, 0, is_single, {}});
    offset = aligned(offset + layout.rows * (is_wide ? sizeof(double) : sizeof(float)));
    if (column.type != ColumnType::text) continue;
    layout.columns.back().tokens = offset;
    offset = aligned(offset + layout.rows * sizeof(TextCounts));
  }
  layout.hashes = offset;
  layout.bytes = offset + layout.rows * sizeof(RowHash);
  return layout;
}

std::uint64_t word_hash(std::string_view word) {
  const auto bytes = short_hash_of(std::as_bytes(std::span{word}));
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < sizeof hash; ++i)
    hash = hash << 8 | bytes[i];
  return std::max<std::uint64_t>(hash, 1);
}

std::string levels_to_json(const ColumnLayout& layout) {
  auto json = nlohmann::json::array();
  for (const StoredColumn& column : layout.columns)
    json.push_back(column.levels);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<> levels_from_json(std::string_view text, ColumnLayout& layout) {
  const Error damaged{Errc::corrupt, "the stored columns have no levels that can be read"};
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array() || json.size() != layout.columns.size()) return damaged;
  try {
    for (std::size_t i = 0; i < json.size(); ++i)
      layout.columns[i].levels = json[i].get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    return damaged;
  }
  return {};
}

ColumnWriter::ColumnWriter(const TableProfile& profile, std::span<std::byte> block)
    : profile_(profile),
      block_(block),
      layout_(layout_of(profile)),
      codes_(layout_.columns.size()) {
  STARLING_ASSERT(block.size() == layout_.bytes, "the block is as large as its layout");
  begin_source(profile);
}

void ColumnWriter::begin_source(const TableProfile& source) {
  source_ = &source;
  fields_.clear();
  date_orders_.clear();
  for (const StoredColumn& stored : layout_.columns) {
    const ColumnProfile* found = source.find(stored.name);
    fields_.push_back(found == nullptr ? kNoField
                                       : static_cast<std::size_t>(found - source.columns.data()));
    const ColumnProfile& kept = profile_.columns[stored.field];
    const bool is_sure = found != nullptr && found->is_date_order_sure;
    date_orders_.push_back(is_sure ? found->date_order : kept.date_order);
  }
}

double ColumnWriter::number_in(std::string_view cell, std::size_t column) const {
  const ColumnType type = profile_.columns[layout_.columns[column].field].type;
  if (type == ColumnType::date) return parse_date(cell, date_orders_[column]).value_or(kMissing);
  double number = 0;
  if (parse_short_number(cell, source_->dialect.decimal, number)) return number;
  return parse_number(cell, source_->dialect.decimal).value_or(kMissing);
}

std::int32_t ColumnWriter::code_of(std::string_view cell, std::size_t column) {
  const std::string_view word = trimmed(cell);
  if (is_missing(word)) return -1;
  text_ = word;
  auto& levels = layout_.columns[column].levels;
  const auto found = codes_[column].find(text_);
  if (found != codes_[column].end()) return found->second;
  const auto next = static_cast<std::int32_t>(levels.size());
  const bool is_shared = levels.size() >= kStoredLevelsMax - 1;
  if (is_shared && levels.size() == kStoredLevelsMax) return next - 1;
  levels.push_back(is_shared ? std::string{kSharedLevel} : text_);
  if (!is_shared) codes_[column].emplace(text_, next);
  return next;
}

void ColumnWriter::add_column(const CsvBatch& batch, std::size_t i) {
  const StoredColumn& stored = layout_.columns[i];
  const ColumnType type = profile_.columns[stored.field].type;
  const bool is_there = fields_[i] != kNoField;
  const std::string_view* cell = is_there ? batch.fields.data() + fields_[i] : &kNoCell;
  const std::size_t step = is_there ? batch.columns : 0;
  for (std::uint64_t row = rows_; row < rows_ + batch.rows(); ++row, cell += step) {
    if (holds_words(type)) {
      const std::string_view word = trimmed(*cell);
      if (is_missing(word)) continue;  // the block is all zero
      values_at<std::uint64_t>(block_, stored.offset)[row] = word_hash(word);
      if (type == ColumnType::text)
        values_at<TextCounts>(block_, stored.tokens)[row] = text_counts(word);
    } else if (!holds_numbers(type)) {
      values_at<std::int32_t>(block_, stored.offset)[row] = code_of(*cell, i);
    } else if (stored.is_single) {
      values_at<float>(block_, stored.offset)[row] = static_cast<float>(number_in(*cell, i));
    } else {
      values_at<double>(block_, stored.offset)[row] = number_in(*cell, i);
    }
  }
}

void ColumnWriter::add_hashes(const CsvBatch& batch) {
  auto* hashes = values_at<RowHash>(block_, layout_.hashes);
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    text_ = kRowSalt;
    for (const std::string_view field : batch.row(i)) {
      text_.append(field);
      text_.push_back('\x1F');  // ASCII's own separator, so that "a","b" is not "ab",""
    }
    hashes[rows_ + i] = short_hash_of(std::as_bytes(std::span{text_}));
  }
}

Result<> ColumnWriter::add(const CsvBatch& batch) {
  STARLING_ASSERT(batch.columns == source_->columns.size(), "rows have the source's columns");
  if (batch.rows() > layout_.rows - rows_)
    return Error{Errc::conflict, "the file has more rows than its profile"};
  for (std::size_t i = 0; i < layout_.columns.size(); ++i)
    add_column(batch, i);
  add_hashes(batch);
  rows_ += batch.rows();
  return {};
}

Result<ColumnLayout> ColumnWriter::finish() && {
  if (rows_ == layout_.rows) return std::move(layout_);
  return Error{Errc::conflict, "the file has fewer rows than its profile"};
}

Table table_in(const TableProfile& profile,
               const TableRoles& roles,
               const ColumnLayout& layout,
               std::span<const std::byte> block,
               std::shared_ptr<const void> storage) {
  Table table;
  table.decimal = profile.dialect.decimal;
  table.storage = std::move(storage);
  table.row_hashes = values_in<RowHash>(block, layout.hashes, layout.rows);
  for (const StoredColumn& stored : layout.columns) {
    const ColumnProfile& column = profile.columns[stored.field];
    const bool is_target = column.name == roles.target;
    if (column.name == roles.key) table.key = column_in(column, stored, block, layout.rows);
    const bool is_weight = column.role == ColumnRole::weight && !is_target;
    if (is_weight) table.weight = column_in(column, stored, block, layout.rows);
    if (is_target)
      table.target = column_in(column, stored, block, layout.rows);
    else if (is_feature(column))
      table.features.push_back(column_in(column, stored, block, layout.rows));
  }
  return table;
}

}  // namespace starling::ml
