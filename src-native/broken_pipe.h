// The SIGPIPE handler behind exitOnBrokenPipe(): a write to stdout or stderr that met a broken pipe ends the process,
// and any other write fails with EPIPE as before.
#pragma once

#include <csignal>

namespace lingering_close {

// In the order of DISPOSITIONS in src/system/sigpipe.ts.
enum Disposition { kDefault = 0, kIgnore = 1, kHandler = 2 };

namespace broken_pipe {

// Installs the handler in front of what is there. Does nothing where it is installed. Returns 0 or -errno.
int Guard();

// Whether `action` is this handler.
bool Owns(const struct sigaction& action);

// What the handler does on a SIGPIPE that is not stdout's or stderr's.
Disposition Others();
void SetOthers(Disposition disposition);

// Whether `fd`, 1 or 2, is the pipe or socket of the first Guard(), and its reader is gone.
bool IsBroken(int fd);

// Gives stdin, stdout and stderr back as they were at the start of the process, and dies by SIGPIPE.
[[noreturn]] void Die();

}  // namespace broken_pipe
}  // namespace lingering_close
