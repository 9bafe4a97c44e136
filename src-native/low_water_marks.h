// The receive low-water marks (SO_RCVLOWAT) of the lingering connections, and the budget on their sum.
//
// A mark is raised in steps for a peer that has sent so much: the kernel then wakes us once a mark, not once a segment.
// It also enlarges the receive buffer to twice itself, and lets a peer park a byte less than the mark: hence the
// budget, of which each has its share, and the slow tick that lowers the mark of those who do not fill theirs
// (linger_loop.cc). Where the kernel is short of memory for TCP there are none for a while. docs/benchmarks.md has the
// measurements by which the figures were chosen.
#pragma once

#include <cstdint>

namespace lingering_close {

struct LingeringSocket;

class LowWaterMarks {
 public:
  // To the highest step that the peer has earned and that is within its share of the budget, or to a lower one where it
  // has more than its share.
  void Adjust(LingeringSocket& socket);
  // By a step, and behind the lowest to none, where a sender needs more than a tick to fill its mark: `received` in
  // that time. Without a mark, one that waits for room in the budget and does not send enough for the lowest waits no
  // longer.
  void LowerIfSlow(LingeringSocket& socket, uint64_t received);
  void Remove(LingeringSocket& socket);
  // Of a connection that ends.
  void Forget(LingeringSocket& socket);
  // No mark is given before `until`, a time of uv_hrtime.
  void Suspend(uint64_t until) { suspended_until_ = until; }

 private:
  void Lower(LingeringSocket& socket);
  void LowerTo(LingeringSocket& socket, int mark);
  void Leave(LingeringSocket& socket);

  // Those that share the budget: they have sent enough for a mark, whether there is room for it or not.
  int64_t bulk_ = 0;
  int64_t sum_ = 0;
  uint64_t suspended_until_ = 0;
  // Read for the first that sends in bulk: most threads never discard so much.
  int64_t budget_ = -1;
};

}  // namespace lingering_close
