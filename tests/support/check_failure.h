/// A broken promise, found by a checker of a simulator.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace starling::tests {

/// what() says which promise.
struct CheckFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
void require(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw CheckFailure{fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace starling::tests
