// Whether the kernel is short of memory for TCP.
#pragma once

namespace lingering_close {

// True while all TCP sockets of the machine together are under memory pressure (tcp_mem in tcp(7)). False where the
// kernel does not tell. Takes up to 0.2 ms.
bool TcpIsShortOfMemory();

}  // namespace lingering_close
