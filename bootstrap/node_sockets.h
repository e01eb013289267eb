/// The sockets of a node, bound before anything else starts, so that a taken port is said at once.
#pragma once

#include "bootstrap/settings.h"
#include "node/base/error.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <string>

namespace starling::bootstrap {

namespace asio = boost::asio;

struct NodeSockets {
  asio::ip::tcp::acceptor peers;
  asio::ip::udp::socket gossip;  ///< same port as `peers`
  asio::ip::tcp::acceptor http;
  std::string peer_address;  ///< HOST:PORT as bound
  std::string http_address;
};

/// Errors: `io`, naming the option and what to do; `invalid_argument`: a name does not resolve.
Result<NodeSockets> bind_sockets(const Settings& settings,
                                 asio::io_context& core,
                                 asio::io_context& web);

}  // namespace starling::bootstrap
