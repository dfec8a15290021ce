#pragma once
// `engram certs`: what each of its commands takes, and the function that does it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/engram/globals.h"

namespace engram::cli {

struct CertsInitArguments {
  std::string directory;
  std::string name = "engram";
  std::uint32_t days = 3650;
};

struct CertsNodeArguments {
  std::string directory;
  std::optional<std::uint32_t> nodes;    // one of these, or both
  std::optional<std::uint32_t> ordinal;  // this one only
  std::string name = "engram";
  std::vector<std::string> also;
  std::uint32_t days = 825;
  bool renew = false;
};

/// For a client or a server.
struct CertsPeerArguments {
  std::string directory;
  std::string name;
  std::vector<std::string> also;  // a server's only
  std::uint32_t days = 825;
  bool renew = false;
};

struct CertsShowArguments {
  std::vector<std::string> paths;
};

// Exit code 2: wrong arguments, and nothing was changed; 6: a file or directory that is not as it has to be.
void run_certs_init(Globals& globals, const CertsInitArguments& arguments);
void run_certs_node(Globals& globals, const CertsNodeArguments& arguments);
void run_certs_client(Globals& globals, const CertsPeerArguments& arguments);
void run_certs_server(Globals& globals, const CertsPeerArguments& arguments);
/// Shows all that can be read, and also then ends with 6 if something cannot.
void run_certs_show(Globals& globals, const CertsShowArguments& arguments);

}  // namespace engram::cli
