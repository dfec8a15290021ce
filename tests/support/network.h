#pragma once
// Hosts with addresses of their own on this machine: network namespaces behind one bridge, whose connections can be cut.

#include <map>
#include <string>
#include <vector>

namespace engram::test {

/// Each host is a namespace with one interface, and the bridge is in a namespace too: nothing of it can be seen from outside, and
/// nothing outside can collide with its addresses. Names carry the process's number, so that several tests may have one.
/// All of it goes with this object; what runs in a host has to end before. What a test left that was killed goes with the next one.
class Network {
 public:
  explicit Network(unsigned hosts);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Why this process cannot make one ("not root", a program that is missing); empty: it can.
  static std::string obstacle();

  [[nodiscard]] std::string address(unsigned host) const;
  /// What the names lead to from now on, for what runs in a host and was started after the first call.
  void set_names(const std::map<std::string, unsigned>& hosts_by_name);
  /// The words before a program's own that have it run in there. The file system is the same, but for /etc/hosts.
  [[nodiscard]] std::vector<std::string> inside(unsigned host) const;
  /// What setns(2) takes to make sockets in there.
  [[nodiscard]] std::string path(unsigned host) const;

  /// From now on nothing arrives, and nobody is told: packets vanish.
  void cut(unsigned one, unsigned other);
  void cut_one_way(unsigned from, unsigned to);
  /// Undoes every cut.
  void heal();

 private:
  static void remove_leftovers();
  [[nodiscard]] std::string name(const std::string& what) const;
  void remove();

  std::string prefix_;
  unsigned hosts_;
};

}  // namespace engram::test
