#include "actors/partition/core/outcome.h"

namespace engram {

void write_error(const Status& status, schema::Error::Builder out) {
  out.setCode(static_cast<schema::ErrorCode>(status.code()));
  out.setMessage(status.message().c_str());
  out.setField(status.field().c_str());
  out.setLimit(status.limit());
  out.setPartial(status.partial());
}

Status read_error(schema::Error::Reader error) {
  if (error.getCode() == schema::ErrorCode::NONE) return {};
  return Status(static_cast<Code>(error.getCode()), error.getMessage().cStr(), error.getField().cStr(), error.getLimit())
      .with_partial(error.getPartial());
}

void Outcome::write(schema::Outcome::Builder out) const {
  if (!status.ok()) write_error(status, out.initError());
  out.setVersion(version);
  out.setPartition(partition.value);
  out.setAcceptedNs(accepted_ns);
  out.setCreated(created);
  out.setUpdated(updated);
  out.setDeleted(deleted);
  out.setDuplicate(duplicate);
  out.setSpace(space.value);
}

void Outcome::pack(Packer& out) const {
  out.number(static_cast<std::uint64_t>(status.code()));
  if (!status.ok()) out.text(status.message()).text(status.field()).number(status.limit());
  out.number(version).number(partition.value).signed_number(accepted_ns);
  out.number(created).number(updated).number(deleted).number(space.value);
}

Outcome Outcome::unpack(Unpacker& in) {
  Outcome outcome;
  auto code = static_cast<Code>(in.number());
  if (code != Code::none) {
    std::string message(in.text());
    std::string field(in.text());
    outcome.status = Status(code, std::move(message), std::move(field), in.number());
  }
  outcome.version = in.number();
  outcome.partition.value = static_cast<std::uint16_t>(in.number());
  outcome.accepted_ns = in.signed_number();
  outcome.created = static_cast<std::uint32_t>(in.number());
  outcome.updated = static_cast<std::uint32_t>(in.number());
  outcome.deleted = in.number();
  outcome.space.value = in.number();
  return outcome;
}

}  // namespace engram
