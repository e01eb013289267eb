/// What happened in a virtual swarm: always as a digest, on request as text.
#pragma once

#include "node/base/ids.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace starling::tests {

class SwarmTrace {
 public:
  using Sink = std::function<void(const std::string& line)>;

  explicit SwarmTrace(Sink sink) : sink_(std::move(sink)) {}

  /// Numbers and text, all of which count for the digest. The line is formatted only for a sink.
  template <class... Args>
  void note(MonoTime now, fmt::format_string<Args...> format, const Args&... args) {
    mix(static_cast<std::uint64_t>(now.count()));
    mix(fmt::string_view{format}.size());
    (take(args), ...);
    if (!sink_) return;
    sink_(fmt::format("{:>11.3f} ms  {}",
                      static_cast<double>(now.count()) / 1e6,
                      fmt::vformat(format, fmt::make_format_args(args...))));
  }

  bool has_sink() const { return static_cast<bool>(sink_); }

  /// Equal for equal seeds.
  std::uint64_t digest() const { return digest_; }

 private:
  template <class Value>
  void take(const Value& value) {
    if constexpr (std::is_integral_v<Value>) {
      mix(static_cast<std::uint64_t>(value));
    } else {
      for (const char c : std::string_view{value})
        digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
  }

  void mix(std::uint64_t value) { digest_ = mix_seeds(digest_, value); }

  Sink sink_;
  std::uint64_t digest_ = 0;
};

}  // namespace starling::tests
