#include "node/base/labels.h"

#include <fmt/format.h>

namespace starling {

Result<std::map<std::string, std::string>> parse_labels(const std::vector<std::string>& labels,
                                                        std::string_view option) {
  std::map<std::string, std::string> parsed;
  for (const auto& label : labels) {
    const auto equals = label.find('=');
    const bool fits = equals != std::string::npos && equals > 0 && equals <= kLabelKeyMax &&
                      label.size() - equals - 1 <= kLabelValueMax;
    if (!fits) {
      return Error{Errc::invalid_argument,
                   fmt::format("{} {}: write KEY=VALUE, at most {} and {} characters",
                               option,
                               label,
                               kLabelKeyMax,
                               kLabelValueMax)};
    }
    parsed[label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (parsed.size() > kLabelsMax)
    return Error{
        Errc::invalid_argument,
        fmt::format("{}: {} labels; at most {} are allowed", option, parsed.size(), kLabelsMax)};
  return parsed;
}

}  // namespace starling
