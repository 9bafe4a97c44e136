"""Runs a command in a terminal of its own, prints what the terminal shows, and ends with the command's status.

type KEYS command...: once the terminal has shown an x, types KEYS.
hangup command...: once the terminal has shown an x, hangs up.
"""
import os
import pty
import sys

how, *command = sys.argv[1:]
keys = command.pop(0).encode() if how == 'type' else b''
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
shown = b''
told = False
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:  # EIO: no process has the terminal open any more
        break
    if not data:
        break
    shown += data
    if b'x' not in shown or told:
        continue
    told = True
    if how == 'hangup':
        os.close(terminal)
        break
    os.write(terminal, keys)
sys.stdout.write(shown.decode(errors='replace')[-2000:])
sys.stdout.flush()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
