/// Tells the swarm what this node says of itself, once a second, and measures now and then how good
/// a voter its disk would make.
///
/// Threads: the core thread; the disk is measured on `background`.
#pragma once

#include "bootstrap/node_facts.h"
#include "node/base/log.h"
#include "node/gossip/gossip_service.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>

namespace starling::bootstrap {

namespace asio = boost::asio;

class FactsPublisher {
 public:
  using Look = std::function<node::MemberFacts()>;

  /// All must outlive it. `look` says what is so now.
  FactsPublisher(asio::any_io_executor core,
                 asio::thread_pool& background,
                 FactsSource& facts,
                 node::GossipService& gossip,
                 Look look,
                 Logger log);

  void start();
  void stop();

 private:
  asio::awaitable<void> publish();
  asio::awaitable<void> measure_disk();

  asio::any_io_executor core_;
  asio::thread_pool& background_;
  FactsSource& facts_;
  node::GossipService& gossip_;
  Look look_;
  Logger log_;
  asio::steady_timer next_look_;
  asio::steady_timer next_measuring_;
  bool is_stopped_ = false;
};

}  // namespace starling::bootstrap
