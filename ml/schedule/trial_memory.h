/// How much memory a trial will need, before it starts.
///
/// The network's slab is known to the byte (ml/engine/mlp.h); to it come the encoded rows and what
/// is held to split them. Pages of files (the program, the table's columns) are not counted: the
/// kernel takes them back when memory is short.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/param_value.h"
#include "ml/table/encoded_rows.h"
#include "ml/table/split_spec.h"

#include <cstdint>
#include <vector>

namespace starling::ml {

struct TrialSize {
  std::uint64_t rows = 0;                           ///< of the whole table
  std::vector<EncodedRows::Feature> features = {};  ///< of an encoded row, at their widest
  std::uint64_t outputs = 1;
  std::uint64_t levels = 0;    ///< of all categories
  std::uint32_t epochs = 100;  ///< at most
  SplitSpec split = {};
};

/// Peak private memory of one trial in the native worker, in MB. Parameters that no network can
/// have need what their process needs: the worker refuses them.
std::uint64_t predicted_peak_mb(const Params& params, const TrialSize& size);

/// The same for the final model, from what its trial was predicted: it learns from a quarter more
/// rows.
std::uint64_t final_peak_mb(std::uint64_t trial_peak_mb);

}  // namespace starling::ml
