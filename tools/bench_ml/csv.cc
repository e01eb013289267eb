#include "tools/bench_ml/csv.h"

#include "ml/table/table_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <vector>

namespace starling::bench {
namespace {

using Json = nlohmann::ordered_json;

/// A file that goes with its owner.
class RepeatedTable {
 public:
  RepeatedTable(const std::string& path, std::size_t bytes)
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("starling_bench_{}.csv", ::getpid())) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    const std::string whole = text.str();
    const std::size_t header = whole.find('\n') + 1;
    if (!in || header == 0) throw std::runtime_error(path + " is no table");
    std::ofstream out(path_, std::ios::binary);
    out << whole.substr(0, header);
    for (bytes_ = header; bytes_ < bytes; bytes_ += whole.size() - header)
      out.write(whole.data() + header, static_cast<std::streamsize>(whole.size() - header));
    if (!out) throw std::runtime_error("cannot write " + path_.string());
  }

  RepeatedTable(const RepeatedTable&) = delete;
  RepeatedTable& operator=(const RepeatedTable&) = delete;

  ~RepeatedTable() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  double megabytes() const { return static_cast<double>(bytes_) / 1e6; }

 private:
  std::filesystem::path path_;
  std::size_t bytes_ = 0;
};

/// Of this thread: what else the machine does is not counted.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds_of(const std::function<void()>& work) {
  const double begun = cpu_seconds();
  work();
  return cpu_seconds() - begun;
}

void split(const RepeatedTable& table) {
  ml::CsvParser parser{[](const ml::CsvBatch&) -> Result<> { return {}; }};
  ml::read_csv_file(table.path(), parser).value();
}

void profile(const RepeatedTable& table) {
  if (ml::profile_file(table.path()).value().rows == 0) std::abort();
}

/// Seconds that pandas' C reader takes; nothing where there is no pandas.
std::optional<double> pandas(const RepeatedTable& table) {
  const auto command = fmt::format(
      "/usr/bin/python3 -c 'import pandas, time; t = time.process_time(); pandas.read_csv(\"{}\"); "
      "print(time.process_time() - t)' 2>/dev/null",
      table.path().string());
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::array<char, 64> line{};
  const bool has_line = std::fgets(line.data(), line.size(), pipe) != nullptr;
  ::pclose(pipe);
  return has_line ? std::optional{std::atof(line.data())} : std::nullopt;
}

}  // namespace

Json bench_csv(const std::string& path, std::size_t megabytes, int rounds) {
  const RepeatedTable table(path, megabytes * 1'000'000);
  std::vector<double> split_seconds, profile_seconds, pandas_seconds;
  for (int round = 0; round < rounds; ++round) {
    split_seconds.push_back(seconds_of([&] { split(table); }));
    profile_seconds.push_back(seconds_of([&] { profile(table); }));
    if (const auto seconds = pandas(table)) pandas_seconds.push_back(*seconds);
  }
  const auto speed = [&table](std::vector<double>& seconds) -> Json {
    if (seconds.empty()) return nullptr;
    std::ranges::sort(seconds);
    return {{"median", table.megabytes() / seconds[seconds.size() / 2]},
            {"most", table.megabytes() / seconds[0]}};
  };
  return {{"megabytes", table.megabytes()},
          {"split_mb_s", speed(split_seconds)},
          {"profile_mb_s", speed(profile_seconds)},
          {"pandas_read_mb_s", speed(pandas_seconds)}};
}

}  // namespace starling::bench
