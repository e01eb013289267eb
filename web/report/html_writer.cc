#include "web/report/html_writer.h"

#include "web/report/html_text.h"

namespace starling::web {

HtmlWriter::Element::~Element() {
  if (html_ == nullptr) return;
  html_->markup_ += "</";
  html_->markup_ += tag_;
  html_->markup_ += '>';
}

HtmlWriter::Element HtmlWriter::open(std::string_view tag, Attributes attributes) {
  begin(tag, attributes);
  markup_ += '>';
  return Element{*this, tag};
}

void HtmlWriter::add(std::string_view tag, Attributes attributes, std::string_view content) {
  const auto element = open(tag, attributes);
  text(content);
}

void HtmlWriter::add_void(std::string_view tag, Attributes attributes) {
  begin(tag, attributes);
  markup_ += '>';
}

void HtmlWriter::add_shape(std::string_view tag, Attributes attributes) {
  begin(tag, attributes);
  markup_ += "/>";
}

void HtmlWriter::text(std::string_view text) {
  markup_ += html_escaped(text);
}

void HtmlWriter::begin(std::string_view tag, Attributes attributes) {
  markup_ += '<';
  markup_ += tag;
  for (const auto& [name, value] : attributes) {
    if (value.empty()) continue;
    markup_ += ' ';
    markup_ += name;
    markup_ += "=\"";
    markup_ += html_escaped(value);
    markup_ += '"';
  }
}

}  // namespace starling::web
