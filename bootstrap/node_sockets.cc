#include "bootstrap/node_sockets.h"

#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <unistd.h>

namespace starling::bootstrap {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kPortPause{50};

Result<tcp::endpoint> resolve(asio::io_context& context,
                              std::string_view option,
                              const std::string& text) {
  const auto parsed = parse_host_port(option, text);
  if (!parsed) return parsed.error();
  error_code failed;
  const auto found =
      tcp::resolver{context}.resolve(parsed->host, std::to_string(parsed->port), failed);
  if (failed || found.empty()) {
    return Error{
        Errc::invalid_argument,
        fmt::format(
            "{} {}: {} does not resolve: {}", option, text, parsed->host, failed.message())};
  }
  return found.begin()->endpoint();
}

Error cannot_bind(std::string_view option, const std::string& text, const error_code& failed) {
  return {Errc::io,
          fmt::format("{} {}: cannot listen there: {}; stop what uses the port or choose another",
                      option,
                      text,
                      failed.message())};
}

error_code listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code failed;
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  return failed;
}

error_code bind_udp(udp::socket& socket, const tcp::endpoint& like) {
  error_code failed;
  const udp::endpoint endpoint{like.address(), like.port()};
  socket.open(endpoint.protocol(), failed);
  if (!failed) socket.bind(endpoint, failed);
  return failed;
}

/// One attempt at all three.
struct Attempt {
  std::optional<NodeSockets> sockets;  ///< nullopt: `why`
  error_code failed;
  Error why;
};

Attempt bind_once(const Settings& settings,
                  const tcp::endpoint& listen,
                  const tcp::endpoint& http,
                  asio::io_context& core,
                  asio::io_context& web) {
  NodeSockets sockets{tcp::acceptor{core}, udp::socket{core}, tcp::acceptor{web}, {}, {}};
  error_code failed = listen_on(sockets.peers, listen);
  if (!failed) failed = bind_udp(sockets.gossip, sockets.peers.local_endpoint());
  if (failed) return {std::nullopt, failed, cannot_bind("--listen", settings.listen, failed)};
  failed = listen_on(sockets.http, http);
  if (failed) return {std::nullopt, failed, cannot_bind("--http", settings.http, failed)};
  sockets.peer_address = to_text(sockets.peers.local_endpoint());
  sockets.http_address = to_text(sockets.http.local_endpoint());
  return {std::move(sockets), {}, {}};
}

}  // namespace

std::string to_text(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

Result<NodeSockets> bind_sockets(const Settings& settings,
                                 asio::io_context& core,
                                 asio::io_context& web,
                                 std::chrono::milliseconds patience) {
  const auto listen = resolve(core, "--listen", settings.listen);
  if (!listen) return listen.error();
  const auto http = resolve(core, "--http", settings.http);
  if (!http) return http.error();

  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto attempt = bind_once(settings, *listen, *http, core, web);
    if (attempt.sockets) return std::move(*attempt.sockets);
    // With port 0 the system chooses for TCP, and UDP may find that number taken.
    const bool may_pass = attempt.failed == asio::error::address_in_use;
    if (!may_pass || std::chrono::steady_clock::now() >= deadline) return attempt.why;
    std::this_thread::sleep_for(kPortPause);
  }
}

Result<std::string> advertised_address(const Settings& settings,
                                       const NodeSockets& sockets,
                                       asio::io_context& core) {
  const auto bound = sockets.peers.local_endpoint();
  if (!bound.address().is_unspecified()) return sockets.peer_address;
  for (const std::string& seed : settings.join) {
    const auto there = resolve(core, "--join", seed);
    if (!there) continue;
    udp::socket towards{core};
    error_code failed;
    towards.open(udp::endpoint{there->address(), 0}.protocol(), failed);
    if (!failed) towards.connect({there->address(), there->port()}, failed);
    const auto own = failed ? udp::endpoint{} : towards.local_endpoint(failed);
    if (!failed && !own.address().is_unspecified()) return to_text({own.address(), bound.port()});
  }
  return Error{Errc::invalid_argument,
               fmt::format("--listen {} accepts on every address of this machine, and no --join "
                           "address tells now which one others can reach: say it with --advertise "
                           "HOST:PORT",
                           settings.listen)};
}

Result<> write_addresses(const std::filesystem::path& data,
                         const std::string& listen,
                         const std::string& advertise,
                         const std::string& http_url) {
  const nlohmann::json json{
      {"listen", listen}, {"advertise", advertise}, {"http", http_url}, {"pid", ::getpid()}};
  return write_file_atomically(data / "addresses.json", json.dump() + "\n", 0644);
}

}  // namespace starling::bootstrap
