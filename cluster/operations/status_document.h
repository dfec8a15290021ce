#pragma once
// /status: one JSON object, a member for every part of the node that has something to say.

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace engram {

/// Thread-safe. A section's function must not block for long, and must not call back into the document. What it throws
/// is shown in its place, so that one broken part does not hide the others.
class StatusDocument {
 public:
  using Section = std::function<void(nlohmann::json& out)>;

  void set_section(std::string name, Section section);
  void remove_section(const std::string& name);
  [[nodiscard]] std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Section> sections_;
};

}  // namespace engram
