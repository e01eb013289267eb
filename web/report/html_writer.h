/// Markup that is whole whatever it is told: what is opened is closed, what is text is escaped.
///
/// Threads: none. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace starling::web {

class HtmlWriter {
 public:
  /// Names are the code's own; values may come from anywhere. One without a value is left out.
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// Closes its element when it goes; elements go in the reverse order in which they came.
  class [[nodiscard]] Element {
   public:
    Element(HtmlWriter& html, std::string_view tag) : html_(&html), tag_(tag) {}

    ~Element();

    Element(Element&& other) noexcept
        : html_(std::exchange(other.html_, nullptr)), tag_(other.tag_) {}

    Element& operator=(Element&&) = delete;

   private:
    HtmlWriter* html_;      ///< null: moved from
    std::string_view tag_;  ///< a literal
  };

  /// `tag` must be a literal.
  Element open(std::string_view tag, Attributes attributes = {});

  /// An element with nothing but text in it.
  void add(std::string_view tag, Attributes attributes, std::string_view content);

  void add(std::string_view tag, std::string_view content) { add(tag, {}, content); }

  /// HTML's `<meta ...>`, without an end.
  void add_void(std::string_view tag, Attributes attributes);

  /// SVG's `<rect .../>`.
  void add_shape(std::string_view tag, Attributes attributes);

  void text(std::string_view text);

  /// The code's own markup, as it is.
  void literal(std::string_view markup) { markup_ += markup; }

  std::string take() { return std::move(markup_); }

 private:
  void begin(std::string_view tag, Attributes attributes);

  std::string markup_;
};

}  // namespace starling::web
