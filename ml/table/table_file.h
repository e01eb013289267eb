/// The shell of the table room: CSV files on disk, read piece by piece, and their columns in a file
/// that every trial of a node maps.
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

/// The columns that `profile` calls features, and `target`.
///
/// `columns`: the file that holds the columns of this table, with this profile; it is written first
/// if it is not there, by one process of all that ask for it. Empty: they are kept in memory.
/// Errors: as `read_csv_file`; `conflict` if the file does not have the columns and rows of the
///         profile; `io`, also when there is no room on the disk.
Result<Table> load_table(const std::filesystem::path& path,
                         const TableProfile& profile,
                         std::string_view target,
                         const std::filesystem::path& columns = {});

}  // namespace starling::ml
