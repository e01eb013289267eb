/// What an upload says of its table, in the query of POST /api/v1/datasets: delimiter, decimal,
/// encoding, header, skip and columns={"NAME":{"type":T,"role":R}}.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/profile.h"
#include "web/http/target.h"

namespace starling::web {

/// Errors: `invalid_argument` names the parameter, its value and what it may be; also one that is
///         given twice or is none at all.
Result<ml::TableOptions> table_options_from(const Target& target);

}  // namespace starling::web
