/// Which build of a program a file is: equal on every machine that has the same one.
#pragma once

#include <filesystem>
#include <string>

namespace starling::node {

/// The build id that the linker wrote into it (ELF note NT_GNU_BUILD_ID), in hex; of a file without
/// one its size and time; "" if it cannot be read.
///
/// Threads: any; reads some kilobytes.
std::string program_id(const std::filesystem::path& program);

}  // namespace starling::node
