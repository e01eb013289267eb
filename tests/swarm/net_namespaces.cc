#include "tests/swarm/net_namespaces.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace starling::tests {
namespace {

constexpr const char* kIp = "/usr/sbin/ip";

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

bool ip(const std::string& words) {
  return run(fmt::format("{} {}", kIp, words));
}

bool ip_in(const std::string& space, const std::string& words) {
  return ip(fmt::format("-n {} {}", space, words));
}

}  // namespace

std::string NetNamespaces::name(std::size_t machine) const {
  return fmt::format("{}{}", prefix_, machine);
}

std::string NetNamespaces::address(std::size_t machine) const {
  return fmt::format("10.77.0.{}", machine + 1);
}

std::string NetNamespaces::second_address(std::size_t machine) const {
  return fmt::format("10.77.0.{}", machine + 101);
}

std::vector<std::string> NetNamespaces::on(std::size_t machine) const {
  return {kIp, "netns", "exec", name(machine)};
}

std::unique_ptr<NetNamespaces> NetNamespaces::make(std::size_t machines,
                                                   std::size_t on_first,
                                                   std::string& why_not) {
  why_not = fmt::format("network namespaces are not allowed here ({}, and root, are needed)", kIp);
  std::unique_ptr<NetNamespaces> made{new NetNamespaces};
  made->prefix_ = fmt::format("st{}n", ::getpid());
  if (::access(kIp, X_OK) != 0 || !ip("netns add " + made->hub())) return nullptr;
  made->machines_ = machines;
  const std::string hub = made->hub();
  bool is_whole = ip_in(hub, "link set lo up");
  for (const char* bridge : {"br0", "br1"}) {
    is_whole = is_whole && ip_in(hub, fmt::format("link add {} type bridge", bridge)) &&
               ip_in(hub, fmt::format("link set {} up", bridge));
  }
  is_whole = is_whole && ip_in(hub, "link add cut0 type veth peer name cut1") &&
             ip_in(hub, "link set cut0 master br0 up") &&
             ip_in(hub, "link set cut1 master br1 up") &&
             ip_in(hub, "addr add 10.77.0.254/24 dev br0");
  for (std::size_t i = 0; i < machines && is_whole; ++i) {
    const std::string space = made->name(i);
    is_whole =
        ip("netns add " + space) && ip_in(space, "link set lo up") &&
        ip_in(hub, fmt::format("link add p{} type veth peer name eth0 netns {}", i, space)) &&
        ip_in(hub, fmt::format("link set p{} master {} up", i, i < on_first ? "br0" : "br1")) &&
        ip_in(space, fmt::format("addr add {}/24 dev eth0", made->address(i))) &&
        ip_in(space, fmt::format("addr add {}/24 dev eth0", made->second_address(i))) &&
        ip_in(space, "link set eth0 up");
  }
  made->outside_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int inside = ::open(("/var/run/netns/" + hub).c_str(), O_RDONLY | O_CLOEXEC);
  is_whole = is_whole && inside >= 0 && ::setns(inside, CLONE_NEWNET) == 0;
  if (inside >= 0) ::close(inside);
  if (!is_whole) return nullptr;
  return made;
}

NetNamespaces::~NetNamespaces() {
  if (machines_ == 0) return;
  if (outside_ >= 0) {
    // Back to where this thread came from; if that fails, the next test finds nobody.
    static_cast<void>(::setns(outside_, CLONE_NEWNET));
    ::close(outside_);
  }
  for (std::size_t i = 0; i < machines_; ++i)
    ip("netns del " + name(i));
  ip("netns del " + hub());
}

void NetNamespaces::cut() {
  ip_in(hub(), "link set cut0 down");
}

void NetNamespaces::mend() {
  ip_in(hub(), "link set cut0 up");
}

void NetNamespaces::lose(std::size_t from, std::size_t to) {
  ip_in(name(from), fmt::format("route add blackhole {}/32", address(to)));
}

void NetNamespaces::lose_no_more(std::size_t from, std::size_t to) {
  ip_in(name(from), fmt::format("route del blackhole {}/32", address(to)));
}

}  // namespace starling::tests
