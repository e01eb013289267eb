/// Machines on one switch, as network namespaces of the kernel: each node gets an address of its
/// own, cables can be pulled, and a direction can be made deaf. Needs root.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace starling::tests {

class NetNamespaces {
 public:
  /// `machines` on two switches that are connected: the first `on_first` on one, the rest on the
  /// other. This thread stands at the first switch from then on, until the end.
  /// Nothing where this is not allowed; `why_not` says so.
  static std::unique_ptr<NetNamespaces> make(std::size_t machines,
                                             std::size_t on_first,
                                             std::string& why_not);
  ~NetNamespaces();
  NetNamespaces(const NetNamespaces&) = delete;
  NetNamespaces& operator=(const NetNamespaces&) = delete;

  /// Without port.
  std::string address(std::size_t machine) const;

  /// Another address for the machine, beside the one it has.
  std::string second_address(std::size_t machine) const;

  /// To be put before a command, which then runs on that machine.
  std::vector<std::string> on(std::size_t machine) const;

  /// Pulls the cable between the switches, or puts it back.
  void cut();
  void mend();

  /// What `from` sends to `to` gets lost from now on; what `to` sends arrives.
  void lose(std::size_t from, std::size_t to);
  void lose_no_more(std::size_t from, std::size_t to);

 private:
  NetNamespaces() = default;

  std::string name(std::size_t machine) const;

  std::string hub() const { return prefix_ + "hub"; }

  std::string prefix_;
  std::size_t machines_ = 0;
  int outside_ = -1;  ///< the namespace that this thread came from
};

}  // namespace starling::tests
