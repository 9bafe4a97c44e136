#include "tcp_memory.h"

#include <cstring>

#include <fcntl.h>

#include "syscall.h"

namespace lingering_close {

// The column "press" of the row "TCP" in /proc/net/protocols (proto_seq_printf in net/core/sock.c).
bool TcpIsShortOfMemory() {
  const int fd = Call([] { return open("/proc/net/protocols", O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return false;
  char text[16 << 10];
  size_t length = 0;
  for (;;) {
    const ssize_t got = Call([&] { return read(fd, text + length, sizeof text - 1 - length); });
    if (got <= 0) break;
    length += got;
  }
  Close(fd);
  text[length] = '\0';
  const char* word = strstr(text, "\nTCP ");
  if (!word) return false;
  word++;
  // Four words are in front: protocol, size, sockets, memory.
  for (int i = 0; i < 4; i++) {
    word += strcspn(word, " ");
    word += strspn(word, " ");
  }
  return strncmp(word, "yes", 3) == 0;
}

}  // namespace lingering_close
