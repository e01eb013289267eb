#include "node/process/cgroup_files.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace starling::node {

const CgroupFiles kCgroupVersion2{
    "memory.max", "memory.current", "inactive_file", "active_file", "memory.events"};
const CgroupFiles kCgroupVersion1{"memory.limit_in_bytes",
                                  "memory.usage_in_bytes",
                                  "total_inactive_file",
                                  "total_active_file",
                                  "memory.oom_control"};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::uint64_t number_in(const std::filesystem::path& file, std::uint64_t otherwise) {
  const std::string text = content_of(file);
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) return otherwise;
  return std::strtoull(text.c_str(), nullptr, 10);
}

std::optional<std::uint64_t> field_in(const std::filesystem::path& file, const std::string& name) {
  std::istringstream lines{content_of(file)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name) && line.size() > name.size() &&
        (line[name.size()] == ' ' || line[name.size()] == ':'))
      return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return std::nullopt;
}

std::vector<Cgroup> own_cgroups(const MemorySources& sources) {
  std::vector<Cgroup> groups;
  std::istringstream lines{content_of(sources.own_groups)};
  for (std::string line; std::getline(lines, line);) {
    const auto second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos) continue;
    const std::string name = line.substr(second + 1);
    if (line.starts_with("0::")) groups.push_back({sources.v2_root, name, &kCgroupVersion2});
    if (line.find(":memory:") != std::string::npos)
      groups.push_back({sources.v1_root, name, &kCgroupVersion1});
  }
  return groups;
}

}  // namespace starling::node
