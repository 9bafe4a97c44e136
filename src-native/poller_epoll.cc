// The system calls of the poller on Linux: epoll(7).
#include "poller.h"

#include <algorithm>

#include <sys/epoll.h>

#include "syscall.h"

namespace lingering_close {
namespace {

// EPOLLPRI, because urgent data makes a read end early. EPOLLOUT becomes an edge when the peer acknowledges our FIN; it
// is asked for only where needed, because every connection is writable when it is added.
epoll_event Wanted(uint64_t id, bool acknowledgement) {
  epoll_event event = {};
  event.events = EPOLLET | EPOLLIN | EPOLLRDHUP | EPOLLPRI | (acknowledgement ? uint32_t{EPOLLOUT} : 0);
  event.data.u64 = id;
  return event;
}

epoll_event GateEvent(bool open) {
  epoll_event event = {};
  event.events = open ? uint32_t{EPOLLIN} : 0;
  return event;
}

}  // namespace

int Poller::CreateQueues() {
  connections_ = Call([] { return epoll_create1(EPOLL_CLOEXEC); });
  if (connections_ < 0) return connections_;
  gate_ = Call([] { return epoll_create1(EPOLL_CLOEXEC); });
  if (gate_ < 0) return gate_;
  epoll_event event = GateEvent(true);
  return Call([&] { return epoll_ctl(gate_, EPOLL_CTL_ADD, connections_, &event); });
}

// Not by uv_poll_stop and uv_poll_start: to add one epoll instance to another makes the kernel walk through everything
// that is in it (ep_loop_check), which takes a third of a millisecond for 9,000 connections.
void Poller::SetGate(bool open) {
  epoll_event event = GateEvent(open);
  Call([&] { return epoll_ctl(gate_, EPOLL_CTL_MOD, connections_, &event); });
}

int Poller::Add(int fd, uint64_t id, bool acknowledgement) {
  epoll_event event = Wanted(id, acknowledgement);
  return Call([&] { return epoll_ctl(connections_, EPOLL_CTL_ADD, fd, &event); });
}

void Poller::Rearm(int fd, uint64_t id, bool acknowledgement) {
  epoll_event event = Wanted(id, acknowledgement);
  Call([&] { return epoll_ctl(connections_, EPOLL_CTL_MOD, fd, &event); });
}

void Poller::Remove(int fd) {
  Call([&] { return epoll_ctl(connections_, EPOLL_CTL_DEL, fd, nullptr); });
}

int Poller::Take(Event (&events)[kMostAtOnce]) {
  epoll_event told[kMostAtOnce];
  const int taken = Call([&] { return epoll_wait(connections_, told, kMostAtOnce, 0); });
  for (int i = 0; i < taken; i++) {
    const uint32_t what = told[i].events;
    events[i] = {told[i].data.u64, (what & EPOLLIN) != 0, (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0};
  }
  return std::max(taken, 0);
}

}  // namespace lingering_close
