#include "tests/support/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace starling::tests {
namespace {

using Line = nlohmann::ordered_json;

std::uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{now}.count());
}

std::string to_text(Known known) {
  switch (known) {
    case Known::ok: return "ok";
    case Known::fail: return "fail";
    case Known::unknown: return "unknown";
  }
  return "unknown";
}

std::optional<Known> known_of(const std::string& text) {
  for (const Known known : {Known::ok, Known::fail, Known::unknown})
    if (to_text(known) == text) return known;
  return std::nullopt;
}

Line line_of(const Operation& operation) {
  Line line;
  line["c"] = operation.client;
  line["id"] = operation.id;
  line["f"] = operation.function;
  line["k"] = operation.key;
  line["in"] = operation.in;
  line["call"] = operation.call_ns;
  return line;
}

/// Nothing if the line is not an operation.
std::optional<Operation> operation_of(const std::string& text) {
  const Json line = Json::parse(text, nullptr, false);
  if (!line.is_object()) return std::nullopt;
  try {
    Operation operation;
    operation.client = line.at("c");
    operation.id = line.at("id");
    operation.function = line.at("f");
    operation.key = line.at("k");
    operation.in = line.at("in");
    operation.call_ns = line.at("call");
    if (!line.contains("ok")) return operation;
    const auto known = known_of(line.at("ok"));
    if (!known) return std::nullopt;
    operation.known = *known;
    operation.return_ns = line.at("ret");
    operation.out = line.at("out");
    return operation;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

HistoryWriter::HistoryWriter(const std::filesystem::path& file)
    : file_(std::fopen(file.c_str(), "we")) {
  if (!file_) throw std::system_error{errno, std::generic_category(), file.string()};
}

void HistoryWriter::begin(Operation& operation) {
  const std::lock_guard lock{mutex_};
  operation.id = next_id_++;
  operation.call_ns = now_ns();
  write(line_of(operation));
}

void HistoryWriter::end(Operation& operation) {
  operation.return_ns = now_ns();
  Line line = line_of(operation);
  line["ret"] = operation.return_ns;
  line["ok"] = to_text(operation.known);
  line["out"] = operation.out;
  const std::lock_guard lock{mutex_};
  write(line);
}

void HistoryWriter::write(const Line& line) {
  const std::string text = line.dump() + "\n";
  const bool is_written = std::fputs(text.c_str(), file_.get()) >= 0;
  if (!is_written || std::fflush(file_.get()) != 0)
    throw std::runtime_error{"the history cannot be written: is the disk full?"};
}

Result<std::vector<Operation>> read_history(const std::filesystem::path& file) {
  std::ifstream in{file};
  if (!in) return Error{Errc::io, fmt::format("{} cannot be read", file.string())};
  std::map<std::uint64_t, Operation> by_id;
  std::size_t number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    auto operation = operation_of(text);
    if (!operation)
      return Error{Errc::corrupt, fmt::format("{}:{}: not an operation", file.string(), number)};
    by_id[operation->id] = std::move(*operation);
  }
  std::vector<Operation> all;
  for (auto& [id, operation] : by_id)
    all.push_back(std::move(operation));
  std::stable_sort(all.begin(), all.end(), [](const Operation& a, const Operation& b) {
    return a.call_ns < b.call_ns;
  });
  return all;
}

}  // namespace starling::tests
