/// Where a node keeps the checkpoints of its trials (ml/train/checkpoint.h), and which of them
/// nobody needs any more.
///
/// Threads: one at a time.
#pragma once

#include "node/base/state_view.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace starling::ml {

class CheckpointFiles {
 public:
  /// Made if it is not there. What children of an earlier process did not finish is removed.
  explicit CheckpointFiles(std::filesystem::path folder);

  /// Of a trial, or of the final model.
  std::filesystem::path path(std::string_view study, std::optional<std::uint32_t> trial) const;

  /// Where one of another node lies until all of it is here.
  std::filesystem::path pulled_path(std::string_view study,
                                    std::optional<std::uint32_t> trial) const;

  /// Removes those of trials, finals and studies that have ended or are gone, and unfinished ones
  /// of attempts that do not run. Others may be given to this node again.
  void forget(const StateView& view, const std::function<bool(std::uint64_t token)>& runs) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace starling::ml
