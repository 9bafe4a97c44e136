// The receive low-water marks (SO_RCVLOWAT) of the lingering connections, and the budget on their sum.
//
// A mark is raised in steps for a peer that has sent so much: the kernel then wakes us once a mark, not once a segment. It also enlarges the receive
// buffer to twice itself, and lets a peer park a byte less than the mark: hence the budget, and the slow tick that lowers the mark of those who do
// not fill theirs (linger_loop.cc). Where the kernel is short of memory for TCP there are none for a while. docs/benchmarks.md has the measurements
// by which the figures were chosen.
#pragma once

#include <cstdint>

namespace lingering_close {

struct LingeringSocket;

class LowWaterMarks {
 public:
  // To the highest step that the peer has earned and that the budget has room for.
  void Raise(LingeringSocket& socket);
  // By a step.
  void Lower(LingeringSocket& socket);
  void Remove(LingeringSocket& socket);
  // Of a connection that ends.
  void Forget(const LingeringSocket& socket);
  // Nothing is raised before `until`, a time of uv_hrtime.
  void Suspend(uint64_t until) { suspended_until_ = until; }

 private:
  void LowerTo(LingeringSocket& socket, int mark);

  int64_t sum_ = 0;
  uint64_t suspended_until_ = 0;
  // Read at the first raise: most threads never discard so much.
  int64_t budget_ = -1;
};

}  // namespace lingering_close
