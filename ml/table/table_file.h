/// The shell of the table room: CSV files on disk, read piece by piece, and their columns in a file
/// that every trial of a node maps.
#pragma once

#include "ml/table/column_store.h"
#include "ml/table/csv_parser.h"
#include "ml/table/profile.h"
#include "ml/table/table.h"

#include <filesystem>
#include <span>

namespace starling::ml {

/// Feeds the whole file, unpacked if it is a gzip file, to `parser`, 64 KiB at a time, and finishes
/// it. Errors: those of the parser and of gunzip.h, as they are; `io` when the file cannot be read.
Result<> read_csv_file(const std::filesystem::path& path, CsvParser& parser);

/// Whether it is a gzip file; not one that cannot be read.
bool is_packed_file(const std::filesystem::path& path);

/// One pass, bounded memory. Errors: as `read_csv_file`; `invalid_argument` for options that do not
/// fit the file.
Result<TableProfile> profile_file(const std::filesystem::path& path,
                                  const TableOptions& options = {});

/// A data set and what is known of it.
struct TableSource {
  std::filesystem::path path;
  TableProfile profile;
};

/// The rows of all `sources`, one after the other; the first one's profile says what the columns
/// are (joined_profile.h). Target, key, and the columns that it calls features.
///
/// `columns`: the file that holds the columns of these data sets, with these profiles; it is
/// written first if it is not there, by one process of all that ask for it. Empty: they are kept in
/// memory.
/// Errors: as `read_csv_file`; `conflict` if a file does not have the columns and rows of its
///         profile; `io`, also when there is no room on the disk.
Result<Table> load_table(std::span<const TableSource> sources,
                         const TableRoles& roles,
                         const std::filesystem::path& columns = {});

}  // namespace starling::ml
