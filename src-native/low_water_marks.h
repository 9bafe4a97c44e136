// The receive low-water marks (SO_RCVLOWAT) of the lingering connections, and the budget on their sum.
//
// A mark is raised in steps, as its peer sends more. The kernel then wakes us once for each mark, not once for each
// segment. But a mark also enlarges the receive buffer to twice the mark, and lets a peer leave up to one byte less
// than the mark in the queue for as long as it likes. Hence the budget, in which each bulk sender has an equal share,
// and the slow tick (linger_loop.cc) that lowers the mark of a sender that does not fill it. While the kernel is short
// of memory for TCP, there are no marks. docs/benchmarks.md has the measurements by which the figures were chosen.
#pragma once

#include <cstdint>

#include "lingering_socket.h"

namespace lingering_close {

class LowWaterMarks {
 public:
  // Raises the mark to the highest step that is no more than what the peer has sent and no more than its share. Lowers
  // a mark that exceeds its share.
  void Adjust(LingeringSocket& socket);
  // Called at each tick with the bytes `received` since the last. Lowers the mark by a step, at last to none, where
  // they do not fill it. A sender without a mark leaves the budget where they would not fill the lowest mark.
  void LowerIfSlow(LingeringSocket& socket, uint64_t received);
  // For a connection that ends: its descriptor is about to be closed.
  void Forget(LingeringSocket& socket);
  // Called when the kernel has woken us far below the mark. This connection loses its mark. Where TCP is short of
  // memory, all `sockets` lose their marks for a while.
  void WokenEarly(LingeringSocket& socket, LingeringSockets& sockets);

 private:
  void Lower(LingeringSocket& socket);
  void LowerTo(LingeringSocket& socket, int mark);
  void Leave(LingeringSocket& socket);

  // How many connections share the budget: they have sent enough for a mark, with or without room for one.
  int64_t bulk_ = 0;
  int64_t sum_ = 0;
  // Times of uv_hrtime: when marks may be set again, and when the kernel may be asked again for its memory.
  uint64_t suspended_until_ = 0;
  uint64_t ask_from_ = 0;
  // Read when the first bulk sender comes: most threads never have one.
  int64_t budget_ = -1;
};

}  // namespace lingering_close
