/// One table from several data sets: what the first says of its columns holds for the others.
///
/// Threads: none. Pure.
#pragma once

#include "ml/table/profile.h"

#include <span>

namespace starling::ml {

/// The first profile, with the rows of all: counts are added, ranges widened, so that what is laid
/// out for it (column_store.h) holds them all. A column that another one lacks is missing there;
/// what is nothing to learn from in the first is ignored. `profiles` are not empty.
TableProfile joined_profile(std::span<const TableProfile* const> profiles);

}  // namespace starling::ml
