#include "actors/partition/core/dictionary.h"

namespace engram {

Status Dictionary::load(const WarmStore::View& view) {
  Status status = view.scan(WarmTable::names, {}, {}, [&](Bytes, Bytes value) {
    names_.push_back(std::make_unique<std::string>(as_text(value)));
    ids_.emplace(*names_.back(), NameId{static_cast<std::uint32_t>(names_.size())});
    return true;
  });
  written_ = names_.size();
  return status;
}

std::optional<NameId> Dictionary::find(std::string_view name) const {
  auto found = ids_.find(name);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

NameId Dictionary::intern(std::string_view name) {
  if (auto id = find(name)) return *id;
  if (names_.size() >= max_names) return {};
  names_.push_back(std::make_unique<std::string>(name));
  NameId id{static_cast<std::uint32_t>(names_.size())};
  ids_.emplace(*names_.back(), id);
  return id;
}

std::string_view Dictionary::name(NameId id) const {
  return id.value == 0 || id.value > names_.size() ? std::string_view() : *names_[id.value - 1];
}

void Dictionary::take_changes(std::vector<WarmChange>& out) {
  for (; written_ < names_.size(); ++written_) {
    std::string key;
    append_big_endian(key, static_cast<std::uint32_t>(written_ + 1));
    out.push_back({WarmTable::names, std::move(key), BlobRef::copy_of(as_bytes(*names_[written_]))});
  }
}

}  // namespace engram
