/// An `Error` as the problem+json that docs/api.md promises.
#pragma once

#include "node/base/error.h"
#include "web/api/json_fields.h"
#include "web/http/message.h"

namespace starling::web {

/// invalid_argument 422, not_found 404, conflict 409, no leader or no quorum 503, and so on. A
/// detail that starts with "FIELD: " names the field of the request to blame.
Response problem_from(const Error& error);

Response json_response(unsigned status, const Json& body);

}  // namespace starling::web
