#pragma once
// What became of a command: the value behind schema `Outcome`, kept in the session table for retries.

#include <cstdint>
#include <string>

#include "schema/client.capnp.h"
#include "storage/base/ids.h"
#include "storage/base/pack.h"
#include "storage/base/result.h"

namespace engram {

struct Outcome {
  Status status;
  std::uint64_t version = 0;
  PartitionId partition;
  std::int64_t accepted_ns = 0;
  std::uint32_t created = 0;
  std::uint32_t updated = 0;
  std::uint64_t deleted = 0;
  bool duplicate = false;
  SpaceId space;

  void write(schema::Outcome::Builder out) const;
  void pack(Packer& out) const;
  static Outcome unpack(Unpacker& in);
};

void write_error(const Status& status, schema::Error::Builder out);
Status read_error(schema::Error::Reader error);

}  // namespace engram
