/// What it takes until a worker program trains.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace starling::bench {

/// Milliseconds from asking for a trial to its first epoch's end (reading, profiling and encoding
/// the table among them), of a program that has to be started for it and of one that runs; and the
/// program's memory in MB: resident, and private before it has data.
nlohmann::ordered_json bench_worker(const std::string& program,
                                    const std::string& csv,
                                    const std::string& target,
                                    int rounds);

}  // namespace starling::bench
