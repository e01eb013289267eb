#include "bootstrap/client/temporary_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdlib.h>

namespace starling::bootstrap {

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::make() {
  std::error_code failure;
  const auto parent = std::filesystem::temp_directory_path(failure);
  std::string name = (failure ? std::filesystem::path("/tmp") : parent) / "starling-XXXXXX";
  if (mkdtemp(name.data()) == nullptr)
    return Error{Errc::io,
                 fmt::format("no temporary folder {}: {}; set TMPDIR to a folder that can be "
                             "written",
                             name,
                             std::strerror(errno))};
  return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(name));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!is_kept_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace starling::bootstrap
