/// What a bag shows on rows that its models did not learn from, for its report: each candidate's
/// standing, what each column matters, how often intervals hold.
#pragma once

#include "ml/ensemble/finish_json.h"
#include "ml/table/encoder.h"
#include "ml/train/learner.h"
#include "ml/train/trial_data.h"
#include "ml/work/work_protocol.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace starling::ml {

/// One model of a bag.
struct BagMember {
  std::uint32_t candidate = 0;
  std::uint32_t fold = 0;
  double weight = 0;  ///< of its candidate
  std::filesystem::path model;
  Encoder encoder;
};

struct BagEvidence {
  struct Candidate {
    std::uint32_t number = 0;
    double weight = 0;
    Judged held_out, test;    ///< with a temperature and a threshold of its own
    std::uint64_t bytes = 0;  ///< of its fits
  };

  std::vector<Candidate> candidates;  ///< best first
  std::vector<BagMember> members;     ///< of those that have weight
  Judged held_out, test;              ///< what the bag says
  std::uint64_t bytes = 0;            ///< of the members
  Finish finish;
};

/// evidence_json.h, with "candidates", "bag" and "coverage" besides. Empty if something goes wrong:
/// a model without a report is a model; what it was is said on stderr.
std::string bag_evidence(const WorkTask& task,
                         const BagData& data,
                         const BagEvidence& evidence,
                         Engine& engine,
                         const std::function<void()>& step);

}  // namespace starling::ml
