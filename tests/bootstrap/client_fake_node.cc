// Stands in for `starling node`: it listens, says where, knows its members and has registers. A
// node called like the variable FAKE_NODE_FAILS ends at once.
#include "bootstrap/client/json_access.h"
#include "tests/bootstrap/client_fake_server.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <unistd.h>

namespace {

using starling::bootstrap::Json;

void write_atomically(const std::filesystem::path& file, const std::string& text) {
  const auto part = file.string() + ".part";
  std::ofstream(part) << text;
  std::filesystem::rename(part, file);
}

/// Every folder beside this one in which a node has said where it listens is a member.
std::string swarm_body(const std::filesystem::path& data) {
  Json members = Json::array();
  for (const auto& entry : std::filesystem::directory_iterator(data.parent_path()))
    if (std::filesystem::exists(entry.path() / "addresses.json"))
      members.push_back({{"state", "alive"}, {"name", entry.path().filename().string()}});
  return Json({{"leader", "aa"}, {"members", members}}).dump();
}

/// Registers are files beside the nodes' folders: what one node took, all have.
starling::tests::FakeAnswer answer_to(const starling::tests::FakeRequest& request,
                                      const std::filesystem::path& data) {
  const std::string registers = "/api/v1/registers/";
  if (!request.target.starts_with(registers)) return {.body = swarm_body(data)};
  const auto file = data.parent_path() / request.target.substr(registers.size());
  if (request.method == "PUT") {
    write_atomically(file, request.body);
    return {};
  }
  std::ifstream in(file);
  if (!in) return {.status = 404, .body = R"({"code":"not_found","detail":"there is none"})"};
  return {.body = {std::istreambuf_iterator<char>(in), {}}};
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path data;
  std::string name;
  bool founds = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--data") data = argv[i + 1];
    if (word == "--name") name = argv[i + 1];
    founds = founds || word == "--found";
  }
  const char* failing = std::getenv("FAKE_NODE_FAILS");
  if (failing != nullptr && name == failing) {
    std::fprintf(stderr, "%s has no disk\n", name.c_str());
    return 1;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  std::filesystem::create_directories(data);
  const starling::tests::FakeServer server(
      [&](const starling::tests::FakeRequest& request) { return answer_to(request, data); });
  if (founds) write_atomically(data / "admin-token", "secret\n");
  write_atomically(
      data / "addresses.json",
      Json({{"listen", server.url().substr(7)}, {"http", server.url()}, {"pid", getpid()}}).dump());
  int signal = 0;
  sigwait(&stop, &signal);
  return 0;
}
