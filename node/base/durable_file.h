/// Small files that survive a crash whole: the old one or the new one, never a part.
#pragma once

#include "node/base/error.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace starling {

/// Temporary, fsync, rename, fsync of the folder.
Result<> write_file_atomically(const std::filesystem::path& path,
                               std::string_view content,
                               unsigned mode);

/// Errors: `not_found`, `io`.
Result<std::string> read_file(const std::filesystem::path& path);

/// What was created, renamed or removed in it is durable afterwards.
Result<> sync_folder(const std::filesystem::path& folder);

/// `io` with the sentence of errno.
Error system_error(std::string_view what, const std::filesystem::path& path);

}  // namespace starling
