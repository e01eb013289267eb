/// Studies as the API tells of them, small enough to work their sentences out by hand.
#pragma once

#include "web/report/report_facts.h"

#include <string>
#include <utility>
#include <vector>

namespace starling::web {

Json trial(int number, const char* family, double value, Json params);
Json column(const char* name, const char* type, int missing, int distinct);
Json importance(const char* metric, const std::vector<std::pair<const char*, double>>& columns);
Json score(double value, double low, double high);
Json candidate(Json number, double weight, double validation, bool ties, bool smallest);

/// The baseline and boosted trees, with their best scores.
Json families(double baseline, double best);

/// 1,000 houses: an error of 200 where the mean's is 500.
ReportFacts regression_bag();

/// 1,000 test customers, of whom 200 leave.
ReportFacts binary_bag();

ReportFacts three_classes();

/// Trained once more, by a worker that had no room for a report.
ReportFacts refit_without_evidence();

/// These, and nothing at all.
std::vector<ReportFacts> all_examples();

/// Spaces at which no line breaks, as plain ones.
std::string plain(std::string text);

}  // namespace starling::web
