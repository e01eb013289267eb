#include "web/api/pages.h"

#include "node/base/bytes.h"
#include "node/base/hash.h"
#include "web/api/auth.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::web {

namespace {

std::string etag_of(std::string_view body) {
  const auto hash =
      hash_of(BytesView{reinterpret_cast<const std::byte*>(body.data()), body.size()});
  return fmt::format("\"{}\"", hash.hex().substr(0, 32));
}

std::string policy(std::span<const std::string> members) {
  std::string connect = "'self'";
  for (const std::string& url : members) {
    if (const auto origin = origin_of(url)) connect += " " + *origin;
  }
  return fmt::format(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "
      "'self'; connect-src {}; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'",
      connect);
}

bool has_extension(std::string_view path) {
  return path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos;
}

}  // namespace

Pages::Pages(std::vector<StaticFile> files) {
  for (StaticFile& file : files) {
    if (file.path.starts_with('/')) file.path.remove_prefix(1);
    entries_.push_back({file, etag_of(file.body)});
  }
}

const Pages::Entry* Pages::find(std::string_view path) const {
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.file.path == path;
  });
  return at == entries_.end() ? nullptr : &*at;
}

Response Pages::answer(const Request& request, std::span<const std::string> members) const {
  const std::string_view path = std::string_view{request.target.path}.substr(1);
  const Entry* entry = find(path);
  if (!entry && !has_extension(path)) entry = find("index.html");
  if (!entry) return problem(404, "not_found", "no such page");

  Response response;
  response.set("ETag", entry->etag);
  response.set("Cache-Control", "no-cache");
  response.set("Content-Security-Policy", policy(members));
  response.set("Referrer-Policy", "no-referrer");
  const auto known = request.header("If-None-Match");
  if (known && known->find(entry->etag) != std::string::npos) {
    response.status = 304;
    return response;
  }
  response.set("Content-Type", std::string{entry->file.content_type});
  response.body = std::string{entry->file.body};
  return response;
}

}  // namespace starling::web
