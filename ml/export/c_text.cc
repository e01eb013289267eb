#include "ml/export/c_text.h"

#include "node/base/assert.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

namespace starling::ml {
namespace {

constexpr std::size_t kColumnsMax = 98;

/// Of C11 and C++20, and what headers define in small letters.
constexpr std::string_view kReserved[] = {"I",
                                          "NAN",
                                          "NULL",
                                          "EOF",
                                          "INFINITY",
                                          "NDEBUG",
                                          "MAXFLOAT",
                                          "DOMAIN",
                                          "SING",
                                          "OVERFLOW",
                                          "UNDERFLOW",
                                          "PLOSS",
                                          "TLOSS",
                                          "TRUE",
                                          "FALSE",
                                          "alignas",
                                          "alignof",
                                          "and",
                                          "and_eq",
                                          "asm",
                                          "assert",
                                          "auto",
                                          "bitand",
                                          "bitor",
                                          "bool",
                                          "break",
                                          "case",
                                          "catch",
                                          "char",
                                          "char8_t",
                                          "char16_t",
                                          "char32_t",
                                          "class",
                                          "co_await",
                                          "co_return",
                                          "co_yield",
                                          "compl",
                                          "complex",
                                          "concept",
                                          "const",
                                          "consteval",
                                          "constexpr",
                                          "constinit",
                                          "const_cast",
                                          "continue",
                                          "decltype",
                                          "default",
                                          "delete",
                                          "do",
                                          "double",
                                          "dynamic_cast",
                                          "else",
                                          "enum",
                                          "errno",
                                          "explicit",
                                          "export",
                                          "extern",
                                          "far",
                                          "false",
                                          "float",
                                          "for",
                                          "friend",
                                          "goto",
                                          "i386",
                                          "if",
                                          "imaginary",
                                          "inline",
                                          "int",
                                          "interface",
                                          "linux",
                                          "long",
                                          "max",
                                          "min",
                                          "mutable",
                                          "namespace",
                                          "near",
                                          "new",
                                          "noexcept",
                                          "noreturn",
                                          "not",
                                          "not_eq",
                                          "nullptr",
                                          "offsetof",
                                          "operator",
                                          "or",
                                          "or_eq",
                                          "private",
                                          "protected",
                                          "public",
                                          "register",
                                          "reinterpret_cast",
                                          "requires",
                                          "restrict",
                                          "return",
                                          "short",
                                          "signed",
                                          "sizeof",
                                          "small",
                                          "static",
                                          "static_assert",
                                          "static_cast",
                                          "stderr",
                                          "stdin",
                                          "stdout",
                                          "struct",
                                          "switch",
                                          "template",
                                          "this",
                                          "thread_local",
                                          "throw",
                                          "true",
                                          "try",
                                          "typedef",
                                          "typeid",
                                          "typename",
                                          "typeof",
                                          "union",
                                          "unix",
                                          "unsigned",
                                          "using",
                                          "virtual",
                                          "void",
                                          "volatile",
                                          "wchar_t",
                                          "while",
                                          "xor",
                                          "xor_eq"};

/// Families of macros: of math.h, float.h, limits.h, and of the text itself.
constexpr std::string_view kReservedBegins[] = {
    "M_", "FP_", "MATH_", "HUGE_", "FLT_", "DBL_", "LDBL_", "STARLING_"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_reserved(std::string_view name) {
  const auto begins = [&name](std::string_view with) { return name.starts_with(with); };
  return std::ranges::find(kReserved, name) != std::end(kReserved) ||
         std::ranges::any_of(kReservedBegins, begins);
}

/// What is no letter becomes one _; one at either end is dropped.
std::string words_of(std::string_view column) {
  std::string field;
  for (const char c : column) {
    const bool is_kept = is_word(c) && c != '_';
    if (is_kept) field += c;
    if (!is_kept && !field.empty() && field.back() != '_') field += '_';
    if (field.size() >= kCFieldBytesMax) break;
  }
  while (!field.empty() && field.back() == '_')
    field.pop_back();
  return field;
}

std::string field_of(std::string_view column) {
  std::string field = words_of(column);
  if (field.empty()) return "column";
  if (field[0] >= '0' && field[0] <= '9') field.insert(0, "c_");
  if (is_reserved(field)) field += '_';
  return field;
}

template <class Values, class Write>
std::vector<std::string> literals(const Values& values, const Write& write) {
  std::vector<std::string> items;
  items.reserve(values.size());
  for (const auto& value : values)
    items.push_back(write(value));
  return items;
}

std::string with_point(std::string text) {
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

/// Separated by commas, in lines of about `kColumnsMax`.
std::string wrapped(const std::vector<std::string>& items) {
  std::string text;
  std::size_t column = 0;
  for (const std::string& item : items) {
    if (column > 0 && column + item.size() + 1 > kColumnsMax) {
      text += '\n';
      column = 0;
    }
    text += item;
    text += ',';
    column += item.size() + 1;
  }
  text.back() = '\n';
  return text;
}

}  // namespace

std::string c_string(std::string_view text) {
  std::string out = "\"";
  char before = 0;
  for (const char c : text) {
    const bool is_plain = c >= ' ' && c <= '~';
    const bool is_joined =
        (c == '?' && before == '?') || (c == '/' && before == '*') || (c == '*' && before == '/');
    if (!is_plain || is_joined) {
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    before = c;
  }
  return out + '"';
}

std::string c_float(float number) {
  STARLING_ASSERT(std::isfinite(number), "C has no literal of what is not finite");
  return with_point(fmt::format("{}", number)) + 'f';
}

std::string c_double(double number) {
  STARLING_ASSERT(std::isfinite(number), "C has no literal of what is not finite");
  return with_point(fmt::format("{}", number));
}

std::vector<std::string> c_strings(std::span<const std::string> texts) {
  return literals(texts, c_string);
}

std::vector<std::string> c_floats(std::span<const float> numbers) {
  return literals(numbers, c_float);
}

std::vector<std::string> c_doubles(std::span<const double> numbers) {
  return literals(numbers, c_double);
}

std::vector<std::string> c_indices(std::span<const std::size_t> numbers) {
  return literals(numbers, [](std::size_t number) { return fmt::format("{}", number); });
}

Result<> check_c_string(std::string_view what, std::string_view text) {
  if (text.size() > kCStringBytesMax) {
    return Error{Errc::unsupported,
                 fmt::format("{} of {} bytes, and the C export takes {}: shorten it in the table",
                             what,
                             text.size(),
                             kCStringBytesMax)};
  }
  if (text.find('\0') == std::string_view::npos) return {};
  return Error{Errc::unsupported,
               fmt::format("{} with a zero byte in it, where a C string would end: "
                           "replace it in the table",
                           what)};
}

std::vector<std::string> c_fields(const std::vector<std::string>& columns) {
  std::vector<std::string> fields;
  std::vector<bool> is_own;
  std::set<std::string> taken;
  std::map<std::string, int> numbers;
  for (const std::string& column : columns) {
    fields.push_back(field_of(column));
    is_own.push_back(fields.back() == column && taken.insert(column).second);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (is_own[i]) continue;
    const std::string wanted = fields[i];
    int& number = numbers.try_emplace(wanted, 1).first->second;
    while (!taken.insert(fields[i]).second)
      fields[i] = fmt::format("{}_{}", wanted, ++number);
  }
  return fields;
}

void CSource::need(const CHelper& helper) {
  if (std::ranges::find(written_, &helper) != written_.end()) return;
  for (const CHelper* before : helper.needs)
    if (before != nullptr) need(*before);
  written_.push_back(&helper);
  helpers_ += helper.code.substr(1);
  helpers_ += '\n';
}

std::string CSource::table(std::string_view name,
                           std::string_view type,
                           const std::vector<std::string>& items) {
  // C has no empty arrays.
  const std::string rows = items.empty() ? "0\n" : wrapped(items);
  const std::string content = fmt::format("{}|{}|{}", name, type, rows);
  const auto [known, is_new] = names_.try_emplace(hash_of(std::as_bytes(std::span{content})).hex());
  if (!is_new) return known->second;
  const auto count = counts_.try_emplace(std::string{name}).first;
  known->second = fmt::format("st_{}_{}", name, count->second++);
  body_ += fmt::format("static const {} {}[{}] = {{\n{}}};\n\n",
                       type,
                       known->second,
                       std::max<std::size_t>(1, items.size()),
                       rows);
  return known->second;
}

}  // namespace starling::ml
