// Reading tables: megabytes per second.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace starling::bench {

/// Repeats the rows of the CSV file `path` until they are `megabytes`, in a temporary file, and
/// reads that: split only, and with its profile; by pandas beside it where python3 has it.
nlohmann::ordered_json bench_csv(const std::string& path, std::size_t megabytes, int rounds);

}  // namespace starling::bench
