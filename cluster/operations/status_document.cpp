#include "cluster/operations/status_document.h"

#include <nlohmann/json.hpp>

namespace engram {

void StatusDocument::set_section(std::string name, Section section) {
  std::lock_guard guard(mutex_);
  sections_[std::move(name)] = std::move(section);
}

void StatusDocument::remove_section(const std::string& name) {
  std::lock_guard guard(mutex_);
  sections_.erase(name);
}

std::string StatusDocument::text() const {
  // Under the lock, so that a section that was removed is not running any more.
  std::lock_guard guard(mutex_);
  nlohmann::json document = nlohmann::json::object();
  for (const auto& [name, section] : sections_) {
    nlohmann::json& out = document[name];
    try {
      section(out);
    } catch (const std::exception& failure) {
      out = {{"error", failure.what()}};
    }
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace engram
