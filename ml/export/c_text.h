/// C99 as text: literals, identifiers and tables that every compiler reads as they are meant,
/// whatever bytes a table of somebody else held.
///
/// Threads: none. Pure.
#pragma once

#include "node/base/error.h"

#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kCStringBytesMax = 4000;  ///< C99 promises literals of 4,095
inline constexpr std::size_t kCFieldBytesMax = 50;     ///< of 63 that C99 tells apart

/// A string literal, also for comments. In octal: what is no printable ASCII, and what would be a
/// trigraph, or begin or end a comment.
std::string c_string(std::string_view text);

/// Literals that are read back as the same bits. The number is finite.
std::string c_float(float number);
std::string c_double(double number);

/// One literal each.
std::vector<std::string> c_strings(std::span<const std::string> texts);
std::vector<std::string> c_floats(std::span<const float> numbers);
std::vector<std::string> c_doubles(std::span<const double> numbers);
std::vector<std::string> c_indices(std::span<const std::size_t> numbers);

/// Errors: `unsupported`: no C string can hold it; `what` says whose it is.
Result<> check_c_string(std::string_view what, std::string_view text);

/// Identifiers of columns: the letters and digits of their names, and _ for all else; none twice,
/// none a keyword of C or C++ or a macro of the standard library. A name that is one stays.
std::vector<std::string> c_fields(const std::vector<std::string>& columns);

/// A type or function of the text that others use.
struct CHelper {
  std::array<const CHelper*, 2> needs = {};  ///< must stand before it
  std::string_view code;                     ///< begins with an empty line
};

/// The definitions of a source file. Each comes after those that it needs.
class CSource {
 public:
  /// Writes the helper, and those that it needs, once.
  void need(const CHelper& helper);

  /// Writes a constant array. Returns: its name. The same content has one name.
  std::string table(std::string_view name,
                    std::string_view type,
                    const std::vector<std::string>& items);

  void add(std::string_view code) { body_ += code; }

  std::size_t size() const { return helpers_.size() + body_.size(); }

  std::string text() const { return helpers_ + body_; }

 private:
  std::vector<const CHelper*> written_;
  std::string helpers_, body_;
  std::map<std::string, std::string> names_;  ///< of tables, by the hash of their content
  std::map<std::string, std::size_t, std::less<>> counts_;  ///< of tables, by the name they want
};

}  // namespace starling::ml
