/// A request's body as a file of the blob store, streamed.
#pragma once

#include "web/api/call.h"

#include <memory>

namespace starling::web {

/// What is wrong with an upload before its first byte is read: no body (411), larger than
/// --upload-limit (413), no room on the disk (507). `what` the body is, for people.
std::optional<Response> upload_problem(const Call& call, std::string_view what);

/// The whole body, written but not finished. Answers: 413 above the limit, 400 if it breaks off,
/// 507 and the like if it cannot be written.
asio::awaitable<OrResponse<std::unique_ptr<node::BlobWriter>>> receive_blob(Call& call);

}  // namespace starling::web
