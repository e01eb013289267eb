/// How a study divides its rows into those that train, validate and test.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// Values are stored: append only.
enum class SplitMethod : std::uint8_t {
  holdout = 0,   ///< by each row's content (split.h)
  kfold = 1,     ///< the same test rows; the others validate in turn
  group = 2,     ///< rows with the same value of a column stay together
  time = 3,      ///< by a column of dates or numbers: the oldest train, the newest test
  column = 4,    ///< a column says it
  datasets = 5,  ///< test rows, and maybe validation rows, are data sets of their own
};

std::string_view to_string(SplitMethod method);

inline constexpr std::uint32_t kFoldsMax = 20;
inline constexpr std::size_t kSplitValuesMax = 100;       ///< of each of the three lists
inline constexpr std::size_t kSplitValueBytesMax = 200;   ///< of a value or an id
inline constexpr std::size_t kSplitColumnBytesMax = 200;  ///< as column names have at most

struct SplitSpec {
  SplitMethod method = SplitMethod::holdout;
  std::string column = {};  ///< group, time and column: whose values decide
  /// column: the values that say so; datasets: ids, at most one each, and none in `train`. Values
  /// of no list are not used, unless `train` is empty: then they train. Without `validation` a part
  /// of the train rows validates, by the study's seed.
  std::vector<std::string> train = {}, validation = {}, test = {};
  std::uint32_t folds = 1;  ///< more than 1: so many parts validate in turn
  double gap = 0;           ///< time: what must lie between two parts, in days or the column's unit

  friend bool operator==(const SplitSpec&, const SplitSpec&) = default;
};

/// Whether they have the same rows test: those of hold-out and of folds are the data set's.
bool has_same_test_rows(const SplitSpec& one, const SplitSpec& other);

struct TableProfile;

/// The column that says which rows belong together or what they do is nothing to learn from.
void set_key_aside(const SplitSpec& spec, TableProfile& profile);

/// Whether the fields go together. Errors: `invalid_argument`, "split: ..." with field and limit.
Result<> check_split(const SplitSpec& spec);

/// `{"method":"time","column":"day","gap":7}`. A list of one value may be that value. No method, or
/// `auto`, is nothing: the table decides. Errors: `invalid_argument`, "split: ..." as above.
Result<std::optional<SplitSpec>> split_from_json(const nlohmann::ordered_json& json);

/// What `split_from_json` reads, without what is at its default.
nlohmann::ordered_json to_json(const SplitSpec& spec);

}  // namespace starling::ml
