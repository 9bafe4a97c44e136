// TCP_INFO, as the kernel declares it. <netinet/tcp.h>, which uv.h includes, has an older tcp_info under the same name.
#include "tcp_ending.h"

#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>

#include "platform.h"

namespace lingering_close {
namespace {

// As in the kernel's include/net/tcp_states.h, of which <linux/tcp.h> has no copy.
constexpr uint8_t kTcpClose = 7;

}  // namespace

// The kernel keeps no flag that tells a reset from a regular end once the error has been taken off the socket, as
// a failing write of Node.js does. But it has counted. Bytes that were outstanding at the reset stay unacknowledged.
// And tcpi_bytes_acked counts sequence numbers: one more than the data when our FIN was acknowledged, and another one
// for the SYN where this side has connected.
Ending HowEnded(int fd, bool accepted) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (Call([&] { return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size); }) < 0) return Ending::kNone;
  if (info.tcpi_state != kTcpClose) return Ending::kNone;
  int unacked = 0;
  if (platform::UnackedBytes(fd, &unacked) == 0 && unacked > 0) return Ending::kBroken;
  // A connection has received segments. Where it has not, it never was one, or the system keeps no such counts. Linux
  // counts sent bytes since 4.19.
  if (info.tcpi_segs_in == 0 || size < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans)
    return Ending::kUnclear;
  const uint64_t data = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
  // All is acknowledged, so these are too many: a segment that the device refuses (the link is down, its queue is full)
  // counts as sent, and again when it is sent.
  if (info.tcpi_bytes_acked < data) return Ending::kUnclear;
  if (info.tcpi_bytes_acked == data) return Ending::kBroken;
  return accepted || info.tcpi_bytes_acked > data + 1 ? Ending::kDelivered : Ending::kUnclear;
}

}  // namespace lingering_close
