"""Many peers in one process: each opens a connection, may send a text, and is then silent until it is told to read.

It reads steps from stdin, one JSON object a line, and answers each with one line.
"""
import errno
import json
import socket
import sys
import time

held = []


def open(count, host=None, port=None, path=None, receiveBuffer=0, tls=False, text=""):
    """Opens `count` connections, one after the other."""
    for _ in range(count):
        family = socket.AF_UNIX if path else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        if receiveBuffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
        sock.settimeout(10)
        sock.connect(path or (host, port))
        if tls:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock, suppress_ragged_eofs=True)
        sock.sendall(text.encode())
        held.append(sock)
    return len(held)


def read():
    """Each peer reads to the end and closes. How much each has got, and how its connection ended: 'eof' or an errno."""
    answer = []
    deadline = time.monotonic() + 10
    for sock in held:
        # The others are not kept waiting by one whose connection does not end.
        sock.settimeout(max(deadline - time.monotonic(), 0.05))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        total = 0
        end = "eof"
        try:
            while data := sock.recv(1 << 20):
                total += len(data)
        except OSError as error:
            in_kernel = type(error).__module__ == "builtins"
            end = errno.errorcode.get(error.errno, type(error).__name__) if in_kernel else type(error).__name__
        sock.close()
        answer.append({"received": total, "end": end})
    held.clear()
    return answer


STEPS = {f.__name__: f for f in (open, read)}

for line in sys.stdin:
    step = json.loads(line)
    print(json.dumps(STEPS[step.pop("do")](**step)), flush=True)
