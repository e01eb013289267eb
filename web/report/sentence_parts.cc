#include "web/report/sentence_parts.h"

#include "web/report/html_text.h"
#include "web/report/metric_words.h"
#include "web/report/number_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::web {

namespace {

constexpr std::size_t kTrialsNamed = 6;

}  // namespace

std::string in_quotes(std::string_view name) {
  return fmt::format("“{}”", shortened_text(name, kNameMax));
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

std::string baseline_words(const ReportFacts& facts) {
  return is_regression(facts) ? "saying the mean every time" : "saying how often each class occurs";
}

std::string second_class(const ReportFacts& facts) {
  const Json& classes = list_at(evidence_of(facts), {"classes"});
  return classes.size() == 2 ? in_quotes(text_at(classes[1], {})) : "the second class";
}

std::string label_within(std::string_view metric) {
  std::string label = metric_words(metric).label;
  const bool is_word = label.size() > 1 && label[1] >= 'a' && label[1] <= 'z';
  if (is_word && label[0] >= 'A' && label[0] <= 'Z')
    label[0] = static_cast<char>(label[0] - 'A' + 'a');
  return label;
}

std::string points_text(double share) {
  return fmt::format("{:.1f} percentage points", 100 * share);
}

std::string trials_text(const std::vector<std::uint64_t>& numbers) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min(numbers.size(), kTrialsNamed); ++i)
    parts.push_back(count_text(numbers[i]));
  if (numbers.size() > kTrialsNamed)
    parts.push_back(fmt::format("{} more", numbers.size() - kTrialsNamed));
  return fmt::format("{} {}", numbers.size() == 1 ? "trial" : "trials", joined(parts));
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

}  // namespace starling::web
