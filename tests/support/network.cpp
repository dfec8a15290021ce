#include "tests/support/network.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/run_program.h"

namespace engram::test {
namespace {

using Words = std::vector<std::string>;

void run(const Words& words) {
  Ran ran = run_program(words);
  if (ran.exit_code == 0) return;
  std::string line;
  for (const std::string& word : words) line += word + " ";
  throw std::runtime_error(line + "failed: " + ran.output + ran.errors);
}

/// Its files stand for those of the same name in /etc, for what `ip netns exec` starts in there.
std::string settings_of(const std::string& name) { return "/etc/netns/" + name; }

void remove_host(const std::string& name) {
  (void)run_program({"ip", "netns", "delete", name});
  std::error_code none;
  std::filesystem::remove_all(settings_of(name), none);
}

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

std::string Network::obstacle() {
  if (::geteuid() != 0) return "not root";
  for (const Words& words : {Words{"ip", "-V"}, {"iptables", "-V"}})
    if (run_program(words).exit_code != 0) return words[0] + " is missing";
  std::string probe = "engram-probe-" + std::to_string(::getpid());
  if (run_program({"ip", "netns", "add", probe}).exit_code != 0) return "no right to make network namespaces";
  (void)run_program({"ip", "netns", "delete", probe});
  return {};
}

Network::Network(unsigned hosts) : hosts_(hosts) {
  remove_leftovers();
  static std::atomic<unsigned> made{0};
  prefix_ = "engram-" + std::to_string(::getpid()) + "-" + std::to_string(++made) + "-";
  try {
    run({"ip", "netns", "add", name("bridge")});
    Words in_bridge{"ip", "-netns", name("bridge"), "link"};
    run(in_bridge + Words{"add", "bridge", "type", "bridge"});
    run(in_bridge + Words{"set", "bridge", "up"});
    for (unsigned host = 0; host < hosts_; ++host) {
      std::string there = name(std::to_string(host)), port = "port" + std::to_string(host);
      run({"ip", "netns", "add", there});
      run(in_bridge + Words{"add", port, "type", "veth", "peer", "name", "eth0", "netns", there});
      run(in_bridge + Words{"set", port, "master", "bridge", "up"});
      run({"ip", "-netns", there, "address", "add", address(host) + "/24", "dev", "eth0"});
      run({"ip", "-netns", there, "link", "set", "eth0", "up"});
      run({"ip", "-netns", there, "link", "set", "lo", "up"});
    }
  } catch (...) {
    remove();
    throw;
  }
}

Network::~Network() { remove(); }

/// The interfaces go with their namespaces.
void Network::remove() {
  for (unsigned host = 0; host < hosts_; ++host) remove_host(name(std::to_string(host)));
  remove_host(name("bridge"));
}

/// Of processes that are not there any more.
void Network::remove_leftovers() {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", none)) {
    std::string name = entry.path().filename();
    int owner = 0;
    if (std::sscanf(name.c_str(), "engram-%d-", &owner) == 1 && ::kill(owner, 0) != 0 && errno == ESRCH)
      remove_host(name);
  }
}

std::string Network::name(const std::string& what) const { return prefix_ + what; }
std::string Network::address(unsigned host) const { return "10.83.0." + std::to_string(1 + host); }
std::string Network::path(unsigned host) const { return "/run/netns/" + name(std::to_string(host)); }

void Network::set_names(const std::map<std::string, unsigned>& hosts_by_name) {
  std::string lines = "127.0.0.1 localhost\n";
  for (const auto& [name, host] : hosts_by_name) lines += address(host) + " " + name + "\n";
  for (unsigned host = 0; host < hosts_; ++host) {
    std::string settings = settings_of(name(std::to_string(host)));
    std::filesystem::create_directories(settings);
    std::ofstream(settings + "/hosts") << lines;  // the same file, for whoever has it mounted
  }
}

Words Network::inside(unsigned host) const { return {"ip", "netns", "exec", name(std::to_string(host))}; }

void Network::cut(unsigned one, unsigned other) {
  cut_one_way(one, other);
  cut_one_way(other, one);
}

void Network::cut_one_way(unsigned from, unsigned to) {
  run(inside(to) + Words{"iptables", "--wait", "--append", "INPUT", "--source", address(from), "--jump", "DROP"});
}

void Network::heal() {
  for (unsigned host = 0; host < hosts_; ++host) run(inside(host) + Words{"iptables", "--wait", "--flush", "INPUT"});
}

}  // namespace engram::test
