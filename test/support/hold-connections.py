"""Opens connections and holds them: a silent peer.

It answers each line on stdin with the number of open connections.
"""
import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for line in sys.stdin:
    for _ in range(count):
        held.append(socket.create_connection((host, port)))
    print(len(held), flush=True)
    if sys.stdin.readline() == "":
        break
    for s in held:
        s.close()
    held.clear()
    print(0, flush=True)
