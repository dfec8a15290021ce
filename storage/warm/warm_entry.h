#pragma once
// What an entry of the warm store looks like: key -> value, then a checksum over table, key and value. The checksum
// covers table and key too, so that a value that ended up under another key is found as well as a flipped bit.

#include <optional>
#include <string>

#include "storage/base/bytes.h"
#include "storage/base/result.h"
#include "storage/warm/warm_store.h"

namespace engram {

inline constexpr std::size_t warm_checksum_bytes = 4;
inline constexpr std::size_t warm_max_key_bytes = 511;  // what LMDB takes as it is built by Debian

/// The table of the store itself (format version, applied LSN); callers never see it.
inline constexpr auto warm_header_table = static_cast<WarmTable>(0xff);

/// The name under which LMDB has the table, also for messages.
const char* warm_table_name(WarmTable table);

std::uint32_t warm_checksum(WarmTable table, Bytes key, Bytes value);

/// Writes value and checksum to `stored`, which has room for both.
void seal_warm_value(WarmTable table, Bytes key, Bytes value, std::byte* stored);

/// The value without its checksum; nothing if the checksum is wrong.
std::optional<Bytes> open_warm_value(WarmTable table, Bytes key, Bytes stored);

/// What to say of an entry whose checksum is wrong.
Status warm_damage(WarmTable table, Bytes key, const std::string& store_path);

}  // namespace engram
