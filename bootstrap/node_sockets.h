/// The sockets of a node, bound before anything else starts, so that a taken port is said at once.
#pragma once

#include "bootstrap/settings.h"
#include "node/base/error.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <filesystem>
#include <string>

namespace starling::bootstrap {

namespace asio = boost::asio;

/// How long a node waits for its port. While it was down, the system may have lent the number to
/// somebody's outgoing connection, often a peer's that was looking for this very node.
constexpr std::chrono::seconds kPortPatience{5};

struct NodeSockets {
  asio::ip::tcp::acceptor peers;
  asio::ip::udp::socket gossip;  ///< same port as `peers`
  asio::ip::tcp::acceptor http;
  std::string peer_address;  ///< HOST:PORT as bound
  std::string http_address;
};

/// HOST:PORT, numeric; [HOST]:PORT for IPv6.
std::string to_text(const asio::ip::tcp::endpoint& endpoint);

/// Blocks for up to `patience` while a port is in use.
/// Errors: `io`, naming the option and what to do; `invalid_argument`: a name does not resolve.
Result<NodeSockets> bind_sockets(const Settings& settings,
                                 asio::io_context& core,
                                 asio::io_context& web,
                                 std::chrono::milliseconds patience);

/// What peers are told where nobody said --advertise: the bound address, or where that is every
/// address of the machine, the one from which packets to a --join address would leave. Nothing is
/// sent.
/// Errors: `invalid_argument`: no --join address leads anywhere now.
Result<std::string> advertised_address(const Settings& settings,
                                       const NodeSockets& sockets,
                                       asio::io_context& core);

/// `addresses.json` of the data directory, for whoever started this node with port 0.
/// Errors: `io`.
Result<> write_addresses(const std::filesystem::path& data,
                         const std::string& listen,
                         const std::string& advertise,
                         const std::string& http_url);

}  // namespace starling::bootstrap
