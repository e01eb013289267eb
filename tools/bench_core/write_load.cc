#include "tools/bench_core/write_load.h"

#include <fmt/format.h>

namespace starling::bench {

Tally::Tally(LoadPlan plan)
    : plan_(std::move(plan)), begin_(Clock::now() + plan_.warm_up), end_(begin_ + plan_.time) {}

bool Tally::is_counted(Clock::time_point now) {
  if (now < begin_ || now >= end_) return false;
  if (!usage_) usage_.emplace(plan_.servers);
  return true;
}

void Tally::succeeded(Clock::time_point started) {
  const auto now = Clock::now();
  if (is_counted(now)) latency_.add(now - started);
}

void Tally::failed(const std::string& why) {
  if (first_error_.empty()) first_error_ = why;
  if (is_counted(Clock::now())) ++failed_;
}

Json Tally::finish() {
  const double seconds = std::chrono::duration<double>(plan_.time).count();
  Json json{{"writers", plan_.writers},
            {"value_bytes", plan_.value_bytes},
            {"writes_per_s", rounded(static_cast<double>(latency_.count()) / seconds)},
            {"latency", latency_.to_json()},
            {"failed", failed_},
            {"usage", usage_ ? usage_->finish() : Json{}}};
  if (!first_error_.empty()) json["first_error"] = first_error_;
  if (usage_ && latency_.count() > 0) {
    const auto per_write = [&](const char* whose) {
      return rounded(json["usage"][whose].get<double>() * 1e6 /
                     static_cast<double>(latency_.count()));
    };
    json["server_cpu_us_per_write"] = per_write("server_cpu_s");
    json["client_cpu_us_per_write"] = per_write("client_cpu_s");
  }
  return json;
}

std::string line_of(const Json& load) {
  return fmt::format(
      "{:>7.0f} writes/s  p50 {:>8.0f} us  p99 {:>8.0f} us  failed {}  cpu {:.0f} + {:.0f} us",
      load.at("writes_per_s").get<double>(),
      load.at("latency").at("p50_us").get<double>(),
      load.at("latency").at("p99_us").get<double>(),
      load.at("failed").get<std::size_t>(),
      load.value("server_cpu_us_per_write", 0.0),
      load.value("client_cpu_us_per_write", 0.0));
}

std::string key_of(const LoadPlan& plan, std::size_t writer, std::size_t number) {
  if (plan.keys_per_writer <= 1) return fmt::format("bench-{}", writer);
  return fmt::format("bench-{}.{}", writer, number % plan.keys_per_writer);
}

std::string value_of(const LoadPlan& plan, std::size_t writer, std::size_t number) {
  std::string value = fmt::format("{:08}.{:012}.", writer, number);
  value.resize(plan.value_bytes, 'v');
  return value;
}

}  // namespace starling::bench
