/// What a backup of another swarm has that this one can adopt, as pieces to send.
///
/// Threads: none.
#pragma once

#include "ml/study/state_backup.h"
#include "ml/study/study.h"
#include "node/base/error.h"

#include <map>
#include <string>
#include <vector>

namespace starling::bootstrap {

/// One data set or study; its pieces go one after the other (ml/study/adoption.h).
struct Adoptable {
  std::string id;
  std::string name;                 ///< for people: dataset "insurance", study s-12345678
  std::vector<std::string> pieces;  ///< rows of pairs
  std::vector<ContentHash> blobs;   ///< what they need
  std::uint32_t trials = 0;         ///< of a study: how many are there
  std::uint64_t ended_ms = 0;       ///< older studies go first: model versions keep their order
};

class OtherState {
 public:
  /// Reads all of it. Errors: those of `read_backup`; `corrupt`, `too_large` (a value).
  static Result<OtherState> read(const ml::BackupSource& source);

  SwarmId swarm() const { return swarm_; }

  const std::vector<Adoptable>& datasets() const { return datasets_; }

  const std::vector<Adoptable>& studies() const { return studies_; }

  const std::vector<ml::Register>& registers() const { return registers_; }

 private:
  struct Rows {
    std::vector<std::string> pairs;
    std::uint32_t trials = 0;
  };

  using RowsOfStudies = std::map<std::string, Rows>;

  Result<> take(std::string_view key, std::string_view value, RowsOfStudies& rows);
  Result<> take_dataset(std::string_view key, std::string_view value);
  Result<> take_study(std::string_view key, std::string_view value);
  void put_rows_first(RowsOfStudies& rows);

  SwarmId swarm_;
  std::vector<Adoptable> datasets_;
  std::vector<Adoptable> studies_;
  std::vector<ml::Register> registers_;
};

}  // namespace starling::bootstrap
