/// The dashboard's files, compiled into the program: a node serves its page with nothing beside it.
#pragma once

#include <span>
#include <string_view>

namespace starling::web {

struct PageFile {
  std::string_view path;  ///< "/", "/app.js", "/style.css", "/favicon.svg", "/client.py"
  std::string_view content_type;
  std::string_view body;
};

/// All files, the page itself ("/") first. They live as long as the program.
std::span<const PageFile> page_files();

}  // namespace starling::web
