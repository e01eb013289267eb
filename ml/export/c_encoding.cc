#include "ml/export/c_encoding.h"

#include "ml/table/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

namespace starling::ml {
namespace {

// --- what the text says for all columns of a kind ------------------------------------------------

constexpr CHelper kIsMissing{.code = R"(
/* Larger numbers are taken as infinite, and those as missing. */
static int st_is_missing(double v)
{
  return !(fabs(v) <= 1e300);
}
)"};

constexpr CHelper kRobust{.needs = {&kIsMissing}, .code = R"(
/* Smoothly clipped to 3 on either side. */
static float st_robust(double v, double centre, double factor)
{
  double z = (v - centre) * factor;
  if (st_is_missing(v)) return 0.0f;
  z = z < -1e9 ? -1e9 : z > 1e9 ? 1e9 : z;
  return (float)(z / sqrt(1 + (z / 3) * (z / 3)));
}
)"};

constexpr CHelper kStandard{.needs = {&kIsMissing}, .code = R"(
static float st_standard(double v, double centre, double factor)
{
  const double z = (v - centre) * factor;
  if (st_is_missing(v)) return 0.0f;
  return (float)(z < -1000 ? -1000 : z > 1000 ? 1000 : z);
}
)"};

// As ml/search/normal_distribution.cc.
constexpr CHelper kNormal{.code = R"(
static double st_polynomial(const double c[8], double x)
{
  double sum = 0;
  for (int i = 7; i >= 0; --i)
    sum = sum * x + c[i];
  return sum;
}

/* The quantile of 0.5 + mass of the standard normal distribution (Wichura, AS 241). */
static double st_normal(double mass)
{
  static const double centre[2][8] = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3}};
  static const double tail[2][8] = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9}};
  double r, x;
  if (fabs(mass) <= 0.425) {
    r = 0.180625 - mass * mass;
    return mass * st_polynomial(centre[0], r) / st_polynomial(centre[1], r);
  }
  r = sqrt(-log(0.5 - fabs(mass))) - 1.6;
  x = st_polynomial(tail[0], r) / st_polynomial(tail[1], r);
  return mass < 0 ? -x : x;
}
)"};

constexpr CHelper kQuantile{.needs = {&kIsMissing, &kNormal}, .code = R"(
/* How many of the rising numbers q are below v, or at most v. */
static int st_count(const double *q, int count, double v, int or_equal)
{
  int low = 0;
  while (low < count) {
    const int middle = low + (count - low) / 2;
    if (q[middle] < v || (or_equal && q[middle] == v))
      low = middle + 1;
    else
      count = middle;
  }
  return low;
}

/* The place of v among the quantiles q, as a standard normal number. */
static float st_quantile(double v, const double *q, int count)
{
  const double end = 1e-7, last = count - 1;
  const int first = st_count(q, count, v, 0), after = st_count(q, count, v, 1);
  double place;
  if (st_is_missing(v)) return 0.0f;
  if (v < q[0]) return (float)st_normal(end - 0.5);
  if (v > q[count - 1]) return (float)st_normal(0.5 - end);
  if (first != after)
    place = ((double)first + (double)after - 1) / 2 / last;
  else
    place = ((double)first - 1 + (v - q[first - 1]) / (q[first] - q[first - 1])) / last;
  place = place < end ? end : place > 1 - end ? 1 - end : place;
  return (float)st_normal(place - 0.5);
}
)"};

constexpr CHelper kDate{.code = R"(
/* The time, month, day of the month, weekday and time of day. Returns 2 for a time that is not
 * within the years 1 to 9999. Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int st_date(double seconds, double part[5])
{
  const double days = floor(seconds / 86400);
  long day, of_era, year_of_era, of_year, month;
  part[0] = part[1] = part[2] = part[3] = part[4] = seconds;
  if (seconds != seconds) return 0;
  if (!(seconds >= -62135596800.0 && seconds < 253402300800.0)) return 2;
  day = (long)days + 719468; /* since March 1st of year 0 */
  of_era = day % 146097;
  year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  month = (5 * of_year + 2) / 153;
  part[1] = (double)(month < 10 ? month + 3 : month - 9);
  part[2] = (double)(of_year - (153 * month + 2) / 5 + 1);
  part[3] = (double)((day + 3) % 7);
  part[4] = seconds - days * 86400;
  return 0;
}
)"};

// As ml/table/cell.cc: what is missing, and what is trimmed.
constexpr CHelper kWord{.code = R"(
struct st_word {
  const char *begin;
  size_t size;
};

static int st_is(struct st_word word, const char *text)
{
  return strncmp(word.begin, text, word.size) == 0 && text[word.size] == '\0';
}

/* Without the spaces and tabs around it; of size 0 if it is missing. */
static struct st_word st_word_in(const char *text)
{
  static const char *const missing[] = {
    "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "NONE",
    "<NA>", "#N/A", "#N/A N/A", "#NA", "#NV", "\\N", "--", ".", "?", "-", "#REF!", "#DIV/0!",
    "#VALUE!"};
  struct st_word word = {"", 0};
  size_t i;
  if (text == NULL) return word;
  while (*text == ' ' || *text == '\t')
    ++text;
  word.begin = text;
  word.size = strlen(text);
  while (word.size > 0 && (text[word.size - 1] == ' ' || text[word.size - 1] == '\t'))
    --word.size;
  if (word.size == 0 || word.size > 8 || strchr("Nn#<\\-.?", *text) == NULL) return word;
  for (i = 0; i < sizeof missing / sizeof missing[0]; ++i)
    if (st_is(word, missing[i])) {
      word.size = 0;
      break;
    }
  return word;
}
)"};

constexpr CHelper kMark{.needs = {&kWord}, .code = R"(
/* x[i] = 1 for level i, x[unknown] = 1 for a word that is no level, if that is not -1. */
static void st_mark(struct st_word word, const char *const *levels, int count, int unknown,
                    float *x)
{
  int i = 0;
  if (word.size == 0) return;
  while (i < count && !st_is(word, levels[i]))
    ++i;
  if (i == count) i = unknown;
  if (i >= 0) x[i] = 1.0f;
}
)"};

// As `parse_boolean`.
constexpr CHelper kMarkBoolean{.needs = {&kMark}, .code = R"(
/* The same; a word that is no level, but says yes or no, is the level that does. */
static void st_mark_boolean(struct st_word word, const char *const *levels, int count, int yes,
                            int no, float *x)
{
  static const char *const words[] = {
    "true", "yes", "y", "t", "on", "false", "no", "n", "f", "off"};
  char small[6] = "";
  int unknown = -1;
  size_t i;
  for (i = 0; word.size <= 5 && i < word.size; ++i)
    small[i] = (char)(word.begin[i] >= 'A' && word.begin[i] <= 'Z' ? word.begin[i] - 'A' + 'a'
                                                                   : word.begin[i]);
  for (i = 0; i < 10; ++i)
    if (strcmp(small, words[i]) == 0) unknown = i < 5 ? yes : no;
  st_mark(word, levels, count, unknown, x);
}
)"};

constexpr CHelper kKnown{.needs = {&kWord}, .code = R"(
/* What is known of a level: width numbers of each of the sorted levels. */
static void st_known(struct st_word word, const char *const *levels, int count, const float *values,
                     int width, float *x)
{
  int low = 0, high = count;
  if (word.size == 0) return;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    const int order = strncmp(levels[middle], word.begin, word.size);
    if (order == 0 && levels[middle][word.size] == '\0') {
      memcpy(x, values + (size_t)middle * (size_t)width, (size_t)width * sizeof *x);
      return;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
}
)"};

// --- one encoder ---------------------------------------------------------------------------------

/// The first level that says so, or -1.
int level_saying(bool meaning, const std::vector<std::string>& levels) {
  const auto found = std::ranges::find_if(
      levels, [meaning](const std::string& level) { return parse_boolean(level) == meaning; });
  return found == levels.end() ? -1 : static_cast<int>(found - levels.begin());
}

class EncoderWriter {
 public:
  EncoderWriter(const std::map<std::string_view, std::string_view>& fields, CSource& source)
      : fields_(fields), source_(source) {}

  void write(const FeatureCoding& feature) {
    const std::string value = fmt::format("row->{}", fields_.at(feature.name));
    if (const auto* number = std::get_if<NumberCoding>(&feature.coding)) {
      write_scaled(*number, value, at_);
      if (number->has_flag) write_flag(value, at_ + 1);
    } else if (const auto* date = std::get_if<DateCoding>(&feature.coding)) {
      write_date(*date, value);
    } else {
      write_category(std::get<CategoryCoding>(feature.coding), value);
    }
    at_ += feature.width();
  }

  std::string function(std::size_t index) const {
    return fmt::format(
        "static int st_encode_{}(const struct starling_row *row, float *x)\n{{\n{}{}  return "
        "0;\n}}\n\n",
        index,
        has_date_ ? "  double part[5];\n" : "",
        lines_.empty() ? "  (void)row;\n  (void)x;\n" : lines_);
  }

 private:
  /// A column that was constant stays 0.
  void write_scaled(const NumberCoding& coding, const std::string& value, std::size_t at) {
    if (coding.factor == 0) return;
    if (coding.scaling == NumberScaling::quantile) {
      const auto quantiles = source_.table("quantiles", "double", c_doubles(coding.quantiles));
      source_.need(kQuantile);
      lines_ += fmt::format(
          "  x[{}] = st_quantile({}, {}, {});\n", at, value, quantiles, coding.quantiles.size());
      return;
    }
    const bool is_robust = coding.scaling == NumberScaling::robust;
    source_.need(is_robust ? kRobust : kStandard);
    lines_ += fmt::format("  x[{}] = {}({}, {}, {});\n",
                          at,
                          is_robust ? "st_robust" : "st_standard",
                          value,
                          c_double(coding.centre),
                          c_double(coding.factor));
  }

  void write_flag(const std::string& value, std::size_t at) {
    source_.need(kIsMissing);
    lines_ += fmt::format("  x[{}] = (float)st_is_missing({});\n", at, value);
  }

  void write_date(const DateCoding& date, const std::string& value) {
    source_.need(kDate);
    has_date_ = true;
    lines_ += fmt::format("  if (st_date({}, part) != 0) return 2;\n", value);
    std::size_t at = at_;
    for (std::size_t k = 0; k < kDateParts; ++k) {
      if (date.parts[k].factor == 0) continue;
      write_scaled(date.parts[k], fmt::format("part[{}]", k), at++);
    }
    if (date.has_flag) write_flag("part[0]", at);
  }

  void write_category(const CategoryCoding& category, const std::string& value) {
    const auto& levels = category.levels;
    const std::string begin = fmt::format("(st_word_in({}), {}, {}, ",
                                          value,
                                          source_.table("levels", "char *const", c_strings(levels)),
                                          levels.size());
    if (category.is_boolean && !category.has_other) {
      source_.need(kMarkBoolean);
      const int yes = level_saying(true, levels);
      const int no = level_saying(false, levels);
      lines_ += fmt::format("  st_mark_boolean{}{}, {}, x + {});\n", begin, yes, no, at_);
    } else {
      source_.need(kMark);
      const int unknown = category.has_other ? static_cast<int>(levels.size()) : -1;
      lines_ += fmt::format("  st_mark{}{}, x + {});\n", begin, unknown, at_);
    }
    if (category.statistics.width() > 0) write_statistics(category, value);
  }

  void write_statistics(const CategoryCoding& category, const std::string& value) {
    const LevelStatistics& statistics = category.statistics;
    source_.need(kKnown);
    const auto levels = source_.table("levels", "char *const", c_strings(statistics.levels));
    const auto values = source_.table("known", "float", c_floats(statistics.values));
    lines_ += fmt::format("  st_known(st_word_in({}), {}, {}, {}, {}, x + {});\n",
                          value,
                          levels,
                          statistics.levels.size(),
                          values,
                          statistics.width(),
                          at_ + category.places());
  }

  const std::map<std::string_view, std::string_view>& fields_;
  CSource& source_;
  std::string lines_;
  std::size_t at_ = 0;
  bool has_date_ = false;
};

// --- columns -------------------------------------------------------------------------------------

Result<> check_levels(const FeatureCoding& feature) {
  const auto* category = std::get_if<CategoryCoding>(&feature.coding);
  if (category == nullptr) return {};
  const std::string what = fmt::format("column \"{:.60}\" has a level", feature.name);
  for (const auto* levels : {&category->levels, &category->statistics.levels}) {
    for (const std::string& level : *levels)
      if (auto checked = check_c_string(what, level); !checked) return checked;
  }
  return {};
}

Result<CColumn> column_of(const FeatureCoding& feature) {
  using Kind = CColumn::Kind;
  if (std::holds_alternative<TextCoding>(feature.coding)) {
    return Error{Errc::unsupported,
                 fmt::format("column \"{:.60}\" holds text, whose words the C export does not "
                             "count: give it the role \"ignore\" and train again, or predict with "
                             "the predict.py of the model's file",
                             feature.name)};
  }
  if (auto checked = check_levels(feature); !checked) return checked.error();
  const Kind kind = std::holds_alternative<NumberCoding>(feature.coding) ? Kind::number
                    : std::holds_alternative<DateCoding>(feature.coding) ? Kind::date
                                                                         : Kind::text;
  return CColumn{feature.name, {}, kind};
}

}  // namespace

Result<std::vector<CColumn>> c_columns(const std::vector<Encoder>& encoders) {
  std::vector<CColumn> columns;
  std::vector<std::string> names;
  std::map<std::string, std::size_t> places;
  for (const Encoder& encoder : encoders) {
    for (const FeatureCoding& feature : encoder.features()) {
      auto column = column_of(feature);
      if (!column) return column.error();
      const auto [place, is_new] = places.try_emplace(feature.name, columns.size());
      if (is_new) {
        names.push_back(feature.name);
        columns.push_back(std::move(*column));
      } else if (columns[place->second].kind != column->kind) {
        return Error{Errc::unsupported,
                     fmt::format("column \"{:.60}\" is of another type for some of the models",
                                 feature.name)};
      }
    }
  }
  const auto fields = c_fields(names);
  for (std::size_t i = 0; i < columns.size(); ++i)
    columns[i].field = fields[i];
  return columns;
}

std::string c_row_fields(const std::vector<CColumn>& columns) {
  std::string lines;
  for (const CColumn& column : columns) {
    const bool is_text = column.kind == CColumn::Kind::text;
    const bool is_date = column.kind == CColumn::Kind::date;
    lines += fmt::format("  {}{}; /* {}{} */\n",
                         is_text ? "const char *" : "double ",
                         column.field,
                         c_string(column.name),
                         is_date ? ": seconds since 1970-01-01 00:00 UTC" : "");
  }
  return lines.empty() ? "  char nothing; /* the model looks at no column */\n" : lines;
}

void write_encoder(const Encoder& encoder,
                   std::size_t index,
                   const std::vector<CColumn>& columns,
                   CSource& source) {
  std::map<std::string_view, std::string_view> fields;
  for (const CColumn& column : columns)
    fields.emplace(column.name, column.field);
  EncoderWriter writer{fields, source};
  for (const FeatureCoding& feature : encoder.features())
    writer.write(feature);
  source.add(writer.function(index));
}

}  // namespace starling::ml
