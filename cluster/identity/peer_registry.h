#pragma once
// <data>/PEERS: which volume every other node has, and which of its processes was the newest that was seen. With it a node
// tells a peer that lost its volume, or was given a copy of one, or is an older process that still runs, from the one that
// it knows.
//
// A damaged file stops the start. Behind a crash it holds all that `remember` had promised. Thread-safe; a call may take as
// long as a sync of the disk.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "cluster/identity/incarnation.h"
#include "cluster/identity/node_identity.h"
#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram {

struct KnownPeer {
  Id128 disk_id;
  Incarnation newest;  // that was seen
  bool operator==(const KnownPeer&) const = default;
};
/// By ordinal.
using KnownPeers = std::map<std::uint32_t, KnownPeer>;

enum class PeerStanding : std::uint8_t {
  first_seen,  // no volume is known for the ordinal: to be remembered
  known,       // the volume and the process that were seen last
  restarted    // the known volume, and a newer process on it: to be remembered
};

/// The rule, pure. Errors, for the operator of the peer:
///   precondition_failed  it has another volume (or an empty one: disk id zero) than the cluster knows for its ordinal
///   conflict             a newer process of that node was seen: this one has to stop
Result<PeerStanding> judge_peer(const KnownPeers& known, std::uint32_t ordinal, const Id128& disk_id,
                                const Incarnation& incarnation);

class PeerRegistry {
 public:
  /// Reads what is known; no file: nothing is. Errors: corrupt, unsupported, those of Files.
  static Result<std::unique_ptr<PeerRegistry>> open(const std::string& data_dir, Files& files);

  [[nodiscard]] Result<PeerStanding> judge(std::uint32_t ordinal, const Id128& disk_id,
                                           const Incarnation& incarnation) const;

  /// Judges again, so that of two that come at the same time one is refused, and remembers. Durable when it returns ok.
  /// After an error of the disk a volume that was new is not known, and the peer has to be asked again later; a newer process
  /// of a known volume counts all the same until this process ends, and is written with the next call.
  /// Of an empty volume (disk id zero) there is nothing to remember.
  Status remember(std::uint32_t ordinal, const Id128& disk_id, const Incarnation& incarnation);

  /// The next volume that comes with this ordinal is taken for right. Durable when it returns ok; nothing changes if none
  /// was known. For an operator whose volume is lost: `engram cluster forget-volume`.
  Status forget(std::uint32_t ordinal);

  [[nodiscard]] KnownPeers peers() const;

 private:
  PeerRegistry(std::string data_dir, Files& files, KnownPeers known)
      : data_dir_(std::move(data_dir)), files_(files), known_(std::move(known)) {}
  Status write(const KnownPeers& known);

  const std::string data_dir_;
  Files& files_;
  mutable std::mutex mutex_;
  KnownPeers known_;
  bool file_is_behind_ = false;  // or may be
};

/// The text of the file, and back. `path` is for the message.
std::string format_peers(const KnownPeers& known);
Result<KnownPeers> parse_peers(std::string_view text, const std::string& path);

}  // namespace engram
