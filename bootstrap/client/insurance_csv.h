/// The table of the demo: 1,338 people, what their medical insurance charged them.
#pragma once

#include <string_view>

namespace starling::bootstrap {

/// The bytes of data/insurance.csv, with its header line.
std::string_view insurance_csv();

}  // namespace starling::bootstrap
