"""A raw peer: does what it is told, line by line, and tells what the kernel answered. One JSON object a line, in and out."""
import errno
import json
import select
import socket
import struct
import sys

sock = None
received = 0


def failed(error):
    return {"error": errno.errorcode.get(error.errno, type(error).__name__)}


def connect(host=None, port=None, path=None, receiveBuffer=0):
    global sock
    family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if receiveBuffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
    sock.connect(path or (host, port))
    return {}


def send(bytes, fill=120):
    """Sends so many bytes, however long it takes. `sent` is what the kernel took."""
    sent = 0
    chunk = memoryview(b"%c" % fill * min(bytes, 1 << 20))
    try:
        while sent < bytes:
            sent += sock.send(chunk[: bytes - sent], socket.MSG_NOSIGNAL)
    except OSError as error:
        return {"sent": sent, **failed(error)}
    return {"sent": sent}


def receive(bytes=None):
    """Reads so many bytes, or to the end: `end` is how it ended, 'eof' or an errno."""
    total = 0
    tail = b""
    try:
        while bytes is None or total < bytes:
            data = sock.recv(1 << 20 if bytes is None else min(1 << 20, bytes - total))
            if not data:
                return {"received": total, "tail": tail.decode("latin-1"), "end": "eof"}
            total += len(data)
            tail = (tail + data)[-64:]
    except OSError as error:
        return {"received": total, "tail": tail.decode("latin-1"), "end": errno.errorcode[error.errno]}
    return {"received": total, "tail": tail.decode("latin-1")}


def shutdown():
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError as error:
        return failed(error)
    return {}


def close():
    sock.close()
    return {}


def reset():
    """RST: SO_LINGER {1, 0} and close."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return {}


def until_broken(timeout=10):
    """Waits for the connection to be reset, without reading or writing a byte: the errno, or null when the time is over."""
    poll = select.poll()
    poll.register(sock, 0)
    if not poll.poll(timeout * 1000):
        return {"errno": None}
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return {"errno": errno.errorcode.get(code, code)}


STEPS = {f.__name__: f for f in (connect, send, receive, shutdown, close, reset, until_broken)}

for line in sys.stdin:
    step = json.loads(line)
    name = step.pop("do")
    try:
        answer = STEPS[name](**step)
    except OSError as error:
        answer = failed(error)
    print(json.dumps(answer), flush=True)
