#pragma once
// The one actor interface that is spoken between processes: what the actor at one end of a connection takes from the node at
// the other end (cluster/peers/wire.h). All its types are CAF's own, so nothing has to be registered on both sides.

#include <cstdint>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace engram {

using hello_atom = caf::atom_constant<caf::atom("hello")>;

using PeerActor = caf::typed_actor<
    /// The caller's first message: the number of the connection, and the PeerActor at its end.
    caf::reacts_to<hello_atom, std::uint64_t, caf::strong_actor_ptr>,
    /// A PeerPacket (schema/peer.capnp). Of the containers of bytes CAF copies this one in bulk.
    caf::reacts_to<std::vector<char>>>;

}  // namespace engram
