/// Search spaces that are there by name.
///
/// Threads: none. Pure.
#pragma once

#include "ml/search/search_space.h"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr std::size_t kEmbeddedNumbersMax = 256;

/// The space of the MLP when the user names none, for rows with so many inputs that are numbers.
/// Without any there is nothing to embed; of more than `kEmbeddedNumbersMax` embeddings would make
/// networks too large.
SearchSpace default_space(std::size_t numbers = 1);

inline constexpr std::size_t kSmallTableRows = 1000;

/// What NexusOps searches, so that systems can be compared trial for trial: each layer has a width,
/// an activation, a norm and a dropout of its own. Tables below `kSmallTableRows` get smaller
/// networks and batches; batches are those that it has where there is no GPU, dropout that of data
/// which are not low in noise. Without its shrinking of layers, which is drawn there and not used,
/// and its greater least decay for unbalanced classes.
SearchSpace nexusops_space(std::size_t rows);

inline constexpr std::array<std::string_view, 2> kSpaceNames{"default", "nexusops"};

/// Errors: `invalid_argument` names those that there are.
Result<SearchSpace> space_named(std::string_view name, std::size_t rows, std::size_t numbers);

/// Of these families, at least one of `kFamilyNames` and none twice, for rows with so many inputs
/// that are numbers: `family` chooses, and each has the parameters of its own default space. Of
/// "mlp" alone it is `default_space`.
SearchSpace families_space(std::span<const std::string> families, std::size_t numbers);

/// A good first network of `default_space()`.
Params default_params();

/// A good first trial of each family, the best first: a study may have one trial only. Trees:
/// XGB-TD of Holzmüller et al., "Better by Default" (2024).
std::vector<Params> default_portfolio();

}  // namespace starling::ml
