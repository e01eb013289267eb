/// The shell of the table room: CSV files on disk, read piece by piece.
#pragma once

#include "ml/table/csv_parser.h"
#include "ml/table/profile.h"
#include "ml/table/table.h"

#include <filesystem>

namespace starling::ml {

/// Feeds the whole file to `parser`, 64 KiB at a time, and finishes it.
/// Errors: those of the parser, as they are; `io` when the file cannot be read.
Result<> read_csv_file(const std::filesystem::path& path, CsvParser& parser);

/// One pass, bounded memory. Errors: as `read_csv_file`; `invalid_argument` for options that do not
/// fit the file.
Result<TableProfile> profile_file(const std::filesystem::path& path,
                                  const TableOptions& options = {});

/// Second pass: the columns that `profile` calls features, and `target`, in memory.
/// Errors: as `read_csv_file`; `conflict` if the file does not have the columns of the profile.
Result<Table> load_table(const std::filesystem::path& path,
                         const TableProfile& profile,
                         std::string_view target);

}  // namespace starling::ml
