/// One HTML page that tells a manager and a data scientist what a study found: nothing outside it
/// is needed to read it, no script runs in it, and it prints.
///
/// The same facts give the same bytes. All that comes of data is escaped and cut to a length; rows,
/// trials and columns are shown up to a number, so that the page stays below about 300 kB.
/// Threads: none. Pure.
#pragma once

#include "web/report/report_facts.h"

#include <string>

namespace starling::web {

/// Never throws, whatever the facts hold.
std::string report_page(const ReportFacts& facts);

}  // namespace starling::web
