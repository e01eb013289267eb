/// The data sets whose rows a study's work reads.
///
/// Threads: none.
#pragma once

#include "ml/study/study.h"
#include "ml/work/work_protocol.h"
#include "node/base/error.h"
#include "node/base/state_view.h"
#include "node/blobs/blob_store.h"

#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

/// Errors: `not_found` if one is gone.
Result<std::vector<Dataset>> datasets_in(const StateView& view, const StudySpec& spec);

/// Studies on the same data sets share their columns: "d-1+d-2.columns".
std::string columns_name(const StudySpec& spec);

/// `ids` as in `columns_name`.
bool are_datasets_there(const StateView& view, std::string_view ids);

/// The task knows the data sets by their files and profiles. Errors: of a profile that is damaged.
Result<> put_datasets(const std::vector<Dataset>& datasets,
                      const node::BlobStore& blobs,
                      WorkTask& task);

}  // namespace starling::ml
