/// The body of `POST /api/v1/studies` as a StudyRequest (docs/api.md, Study). Pure.
#pragma once

#include "ml/study/study_plan.h"
#include "node/base/error.h"
#include "web/api/json_fields.h"

namespace starling::web {

/// Errors: `invalid_argument`; about one field: "FIELD: SENTENCE".
Result<ml::StudyRequest> study_request_from(const Json& body);

}  // namespace starling::web
