/// How the page looks: the dashboard's colours (web/dashboard/src/style.css), light and dark, and
/// on paper.
#pragma once

#include <string_view>

namespace starling::web {

std::string_view page_style();

}  // namespace starling::web
