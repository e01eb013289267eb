/// The page's own files: with ETag, under a strict Content-Security-Policy.
#pragma once

#include "web/http/message.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::web {

/// One file built into the program; the views outlive everything.
struct StaticFile {
  std::string_view path;  ///< "index.html", "assets/main.js"
  std::string_view content_type;
  std::string_view body;
};

class Pages {
 public:
  explicit Pages(std::vector<StaticFile> files);

  /// The file of `path`; index.html for "/" and for any path without an extension.
  /// `members` are the origins that the page may also talk to, besides its own.
  Response answer(const Request& request, std::span<const std::string> members) const;

 private:
  struct Entry {
    StaticFile file;
    std::string etag;
  };

  const Entry* find(std::string_view path) const;

  std::vector<Entry> entries_;
};

}  // namespace starling::web
