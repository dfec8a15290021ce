#include "cluster/identity/peer_registry.h"

#include "cluster/identity/checked_text.h"
#include "storage/base/hex.h"

namespace engram {
namespace {

constexpr const char* file_name = "PEERS";
constexpr std::size_t max_file_bytes = 16 << 20;  // 65536 nodes have room in it
constexpr std::string_view line_begin = "node ";

std::string described(const Incarnation& incarnation) {
  return "start " + std::to_string(incarnation.starts) + ", process " + hex(incarnation.process);
}

std::string forget_command(std::uint32_t ordinal) {
  return "`engram cluster forget-volume " + std::to_string(ordinal) + "`";
}

Status other_volume(std::uint32_t ordinal, const Id128& disk_id, const KnownPeer& known) {
  const std::string node = "node " + std::to_string(ordinal);
  const std::string has = disk_id == Id128() ? "an empty volume" : "the volume with the disk id " + disk_id.hex();
  return {Code::precondition_failed,
          node + " has " + has + ", but the cluster knows it with the disk id " + known.disk_id.hex() +
              ": bring back the old volume (check the mounts). If it is lost, with all that only it had, let the cluster "
              "forget it with " +
              forget_command(ordinal) + ", and start " + node + " again",
          "diskId"};
}

Status older_process(std::uint32_t ordinal, const Incarnation& incarnation, const KnownPeer& known) {
  const std::string node = "node " + std::to_string(ordinal);
  return {Code::conflict,
          "a newer process of " + node + " was seen (" + described(known.newest) + ") than this one (" +
              described(incarnation) +
              "), which has to stop: only one may run. If there is no other, its volume is an older copy of itself, and lacks "
              "what was acknowledged since: bring back the newest one, or let the cluster forget it with " +
              forget_command(ordinal),
          "starts"};
}

/// "<disk id> <starts> <process>"
bool parse_peer(std::string_view text, KnownPeer& peer) {
  std::size_t first = text.find(' ');
  std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return false;
  return parse_hex(text.substr(0, first), peer.disk_id.bytes) &&
         parse_number_as(text.substr(first + 1, second - first - 1), 10, peer.newest.starts) &&
         parse_number_as(text.substr(second + 1), 16, peer.newest.process);
}

}  // namespace

Result<PeerStanding> judge_peer(const KnownPeers& known, std::uint32_t ordinal, const Id128& disk_id,
                                const Incarnation& incarnation) {
  auto found = known.find(ordinal);
  if (found == known.end()) return PeerStanding::first_seen;
  const KnownPeer& peer = found->second;
  if (disk_id != peer.disk_id) return other_volume(ordinal, disk_id, peer);
  if (incarnation < peer.newest) return older_process(ordinal, incarnation, peer);
  return incarnation == peer.newest ? PeerStanding::known : PeerStanding::restarted;
}

Result<std::unique_ptr<PeerRegistry>> PeerRegistry::open(const std::string& data_dir, Files& files) {
  const std::string path = data_dir + "/" + file_name;
  KnownPeers known;
  if (files.exists(path)) {
    Result<std::string> text = read_text_file(path, max_file_bytes, files);
    if (!text.ok()) return text.status();
    Result<KnownPeers> parsed = parse_peers(*text, path);
    if (!parsed.ok()) return parsed.status();
    known = std::move(*parsed);
  }
  return std::unique_ptr<PeerRegistry>(new PeerRegistry(data_dir, files, std::move(known)));
}

Result<PeerStanding> PeerRegistry::judge(std::uint32_t ordinal, const Id128& disk_id,
                                         const Incarnation& incarnation) const {
  std::lock_guard lock(mutex_);
  return judge_peer(known_, ordinal, disk_id, incarnation);
}

Status PeerRegistry::remember(std::uint32_t ordinal, const Id128& disk_id, const Incarnation& incarnation) {
  std::lock_guard lock(mutex_);
  Result<PeerStanding> standing = judge_peer(known_, ordinal, disk_id, incarnation);
  if (!standing.ok()) return standing.status();
  if (disk_id == Id128() || (*standing == PeerStanding::known && !file_is_behind_)) return {};
  KnownPeers next = known_;
  next[ordinal] = {disk_id, incarnation};
  Status written = write(next);
  // An older process must be refused from now on, whatever the disk does; a volume is trusted only once that is on disk.
  if (written.ok() || *standing != PeerStanding::first_seen) known_ = std::move(next);
  return written;
}

Status PeerRegistry::forget(std::uint32_t ordinal) {
  std::lock_guard lock(mutex_);
  KnownPeers next = known_;
  if (next.erase(ordinal) == 0 && !file_is_behind_) return {};
  Status written = write(next);
  if (written.ok()) known_ = std::move(next);
  return written;
}

KnownPeers PeerRegistry::peers() const {
  std::lock_guard lock(mutex_);
  return known_;
}

Status PeerRegistry::write(const KnownPeers& known) {
  Status status = replace_text_file(data_dir_, file_name, format_peers(known), files_);
  file_is_behind_ = !status.ok();
  return status;
}

std::string format_peers(const KnownPeers& known) {
  std::string out =
      "# The other nodes' volumes, as this one came to know them: ordinal, disk id, starts, process. Written by engram;\n"
      "# do not edit or copy. `engram cluster forget-volume` takes out a volume that is lost.\n"
      "format_version = 1\n";
  for (const auto& [ordinal, peer] : known)
    out += std::string(line_begin) + std::to_string(ordinal) + " = " + peer.disk_id.hex() + " " +
           std::to_string(peer.newest.starts) + " " + hex(peer.newest.process) + "\n";
  return with_checksum(out);
}

Result<KnownPeers> parse_peers(std::string_view text, const std::string& path) {
  const CheckedTextKind kind{path,
                             "remove this file if every node still has the volume that it always had: they are remembered "
                             "anew when they connect. Otherwise restore it from a backup of this volume"};
  Result<TextLines> lines = parse_checked_text(text, kind);
  if (!lines.ok()) return lines.status();
  KnownPeers known;
  for (const auto& [key, value] : *lines) {
    if (!key.starts_with(line_begin)) continue;
    std::uint32_t ordinal = 0;
    KnownPeer peer;
    if (!parse_number_as(key.substr(line_begin.size()), 10, ordinal) || !parse_peer(value, peer))
      return kind.damaged("the line of " + std::string(key) + " is none");
    known[ordinal] = peer;
  }
  return known;
}

}  // namespace engram
