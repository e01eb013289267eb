#include "node/process/program_id.h"

#include "node/base/bytes.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <cstring>
#include <elf.h>
#include <fstream>
#include <system_error>

namespace starling::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 64 << 10;  // where linkers put what describes the file
constexpr std::string_view kOwner{"GNU\0", 4};

std::string head_of(const fs::path& program) {
  std::ifstream in{program, std::ios::binary};
  std::string head(kHeadBytes, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  return head;
}

/// False where the file ends before.
template <class T>
bool read_at(std::string_view head, std::size_t offset, T& out) {
  if (offset > head.size() || head.size() - offset < sizeof(T)) return false;
  std::memcpy(&out, head.data() + offset, sizeof(T));
  return true;
}

std::size_t padded(std::size_t size) {
  return (size + 3) / 4 * 4;
}

std::string build_id_in(std::string_view notes) {
  Elf64_Nhdr note{};
  while (read_at(notes, 0, note)) {
    const std::size_t name = sizeof(note);
    const std::size_t body = name + padded(note.n_namesz);
    const std::size_t end = body + padded(note.n_descsz);
    if (end > notes.size()) break;
    if (note.n_type == NT_GNU_BUILD_ID && notes.substr(name, note.n_namesz) == kOwner)
      return to_hex(to_bytes(notes.substr(body, note.n_descsz)));
    notes.remove_prefix(end);
  }
  return "";
}

std::string build_id_of(std::string_view head) {
  Elf64_Ehdr file{};
  if (!read_at(head, 0, file) || std::memcmp(file.e_ident, ELFMAG, SELFMAG) != 0) return "";
  for (std::size_t i = 0; i < file.e_phnum; ++i) {
    Elf64_Phdr part{};
    if (!read_at(head, file.e_phoff + i * sizeof(part), part)) return "";
    const bool is_within =
        part.p_offset <= head.size() && part.p_filesz <= head.size() - part.p_offset;
    if (part.p_type != PT_NOTE || !is_within) continue;
    auto id = build_id_in(head.substr(part.p_offset, part.p_filesz));
    if (!id.empty()) return id;
  }
  return "";
}

}  // namespace

std::string program_id(const fs::path& program) {
  auto id = build_id_of(head_of(program));
  if (!id.empty()) return id;
  std::error_code unknown;
  const auto size = fs::file_size(program, unknown);
  if (unknown) return "";
  return fmt::format(
      "{}-{}", size, fs::last_write_time(program, unknown).time_since_epoch().count());
}

}  // namespace starling::node
