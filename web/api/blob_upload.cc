#include "web/api/blob_upload.h"

#include <fmt/format.h>

#include <span>
#include <vector>

namespace starling::web {

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

}  // namespace

std::optional<Response> upload_problem(const Call& call, std::string_view what) {
  if (!call.body.has_body()) {
    return problem(411,
                   "invalid_argument",
                   fmt::format("the body is {}: send it with Content-Length or chunked", what));
  }
  const std::uint64_t limit = call.core.options.upload_bytes_max;
  if (call.body.declared_size().value_or(0) > limit) {
    return problem(413,
                   "too_large",
                   fmt::format("the file has {} bytes, the limit is {} (--upload-limit)",
                               *call.body.declared_size(),
                               limit));
  }
  const auto room = call.node().room_to_grow();
  if (!room) return problem_from(room.error());
  return std::nullopt;
}

asio::awaitable<OrResponse<std::unique_ptr<node::BlobWriter>>> receive_blob(Call& call) {
  auto writer = call.node().blobs().create();
  if (!writer) co_return problem_from(writer.error());
  const std::uint64_t limit = call.core.options.upload_bytes_max;
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const auto got = co_await call.body.read(piece);
    if (!got) co_return problem(400, to_string(got.error().code), got.error().detail);
    if (*got == 0) break;
    if ((*writer)->size() + *got > limit) {
      co_return problem(413,
                        "too_large",
                        fmt::format("the file is larger than the limit of {} bytes "
                                    "(--upload-limit)",
                                    limit));
    }
    const auto bytes = std::as_bytes(std::span{piece}.first(*got));
    const auto written = (*writer)->append(bytes);
    if (!written) co_return problem_from(written.error());
  }
  co_return std::move(*writer);
}

}  // namespace starling::web
