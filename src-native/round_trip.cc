// How far away a TCP peer is: tcpi_rtt of TCP_INFO. <netinet/tcp.h>, which uv.h includes, has an older tcp_info under
// the same name. Linux only.
#include "arguments.h"
#include "exports.h"

#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>

#include "syscall.h"

namespace lingering_close {

// roundTrip(fd): microseconds, smoothed by the kernel (RFC 6298); 0 where it has not been measured. -EOPNOTSUPP for
// what is no TCP socket.
Napi::Value RoundTrip(const Napi::CallbackInfo& info) {
  const Numbers<1> numbers(info);
  if (!numbers) return {};
  const int fd = Descriptor(numbers[0]);
  int protocol = 0;
  // Other protocols have other options under the number of TCP_INFO.
  if (const int result = SocketOption(fd, SO_PROTOCOL, &protocol); result < 0) return Result(info, result);
  if (protocol != IPPROTO_TCP) return Result(info, -EOPNOTSUPP);
  tcp_info tcp = {};
  socklen_t size = sizeof tcp;
  const int result = Call([&] { return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &size); });
  return Result(info, result < 0 ? result : tcp.tcpi_rtt);
}

}  // namespace lingering_close
