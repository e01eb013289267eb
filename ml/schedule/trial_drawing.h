/// Which trials a study tries next, and how much memory each is predicted to need.
///
/// Threads: none. Pure.
#pragma once

#include "ml/schedule/trial_memory.h"
#include "ml/study/command.h"
#include "ml/study/study_state.h"
#include "ml/table/profile.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace starling::ml {

/// What a study's trials have taught about the estimates of memory: by family, the greatest ratio
/// of what was used to what the formula said, over the last `kLessonWindow` that completed.
class MemoryLesson {
 public:
  static constexpr std::size_t kLessonTrials = 3;  ///< before that, the formula alone is believed
  static constexpr std::size_t kLessonWindow = 20;
  static constexpr double kLessonLeast = 0.75;
  static constexpr double kLessonMost = 4;

  MemoryLesson() = default;
  explicit MemoryLesson(std::span<const Trial> trials);

  /// The next trial by number.
  void learn(const Trial& trial);

  double factor(const Params& params) const;
  std::uint64_t corrected(const Params& params, std::uint64_t estimate_mb) const;

 private:
  std::map<std::string, std::vector<double>> ratios_;
};

/// What trials of a study on that table are made of, for `predicted_peak_mb`.
TrialSize trial_size(const TableProfile& profile, const StudySpec& spec);

/// The next trials of a study as one command; nothing if none can be drawn now.
///
/// Trial k is drawn when all trials <= k - P are final, from exactly those (design section 6.3), so
/// a study's parameters do not depend on which nodes ran it. A study that cannot go on is stopped.
std::optional<CommandBody> draw_trials(const StateView& view, const Study& study);

}  // namespace starling::ml
