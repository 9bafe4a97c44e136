// Whether a TCP connection is over, and what became of the output.
#pragma once

namespace lingering_close {

// How a TCP connection stands when it is over, which is state TCP_CLOSE.
enum class Ending {
  kNone,       // it is not over, or no TCP connection
  kDelivered,  // the peer has acknowledged everything, our FIN included
  kBroken,     // the peer has reset it, or the kernel has given up; not everything was acknowledged
  kUnclear     // kDelivered or kBroken, or never connected
};

// `accepted`: the connection certainly comes from a listening socket. Takes no pending error off the socket.
Ending HowEnded(int fd, bool accepted);

}  // namespace lingering_close
