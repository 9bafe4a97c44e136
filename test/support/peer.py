"""A raw peer: reads steps from stdin, one JSON object a line, and prints what the kernel answered."""
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time

sock = None
received = 0


def name_of(error):
    # The errno of an SSLError is a number of OpenSSL.
    in_kernel = type(error).__module__ == "builtins"
    return errno.errorcode.get(error.errno, type(error).__name__) if in_kernel else type(error).__name__


def failed(error):
    return {"error": name_of(error)}


def connect(host=None, port=None, path=None, receiveBuffer=0, tls=False, alpn=None):
    global sock
    family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if receiveBuffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
    sock.connect(path or (host, port))
    if tls:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols([alpn])
        # An end without close_notify is then an error, not an EOF.
        sock = context.wrap_socket(sock, suppress_ragged_eofs=False)
    return {}


def send(bytes, fill=120, raw=False):
    """Sends `bytes` bytes, however long that takes.

    `sent` is what the kernel took. `raw` goes past TLS, which may have ended already.
    """
    sent = 0
    to = socket.socket(fileno=os.dup(sock.fileno())) if raw else sock
    chunk = memoryview(b"%c" % fill * min(bytes, 1 << 20))
    try:
        while sent < bytes:
            sent += to.send(chunk[: bytes - sent])
    except OSError as error:
        return {"sent": sent, **failed(error)}
    return {"sent": sent}


def write(text):
    sock.sendall(text.encode())
    return {}


def drip(bytes, every):
    """Sends `bytes` bytes one by one, with `every` milliseconds between them."""
    sent = 0
    try:
        while sent < bytes:
            sent += sock.send(b".")
            time.sleep(every / 1000)
    except OSError as error:
        return {"sent": sent, **failed(error)}
    return {"sent": sent}


def receive(bytes=None, step=1 << 20, pause=0, keep=64):
    """Reads `bytes` bytes, or to the end.

    `end` is how the connection ended: 'eof' or an errno. A slow reader takes `step` bytes, then rests for `pause`
    milliseconds. `tail` is the last `keep` bytes.
    """
    total = 0
    tail = b""
    try:
        while bytes is None or total < bytes:
            data = sock.recv(step if bytes is None else min(step, bytes - total))
            if not data:
                return {"received": total, "tail": tail.decode("latin-1"), "end": "eof"}
            total += len(data)
            tail = (tail + data)[-keep:]
            if pause:
                time.sleep(pause / 1000)
    except OSError as error:
        return {"received": total, "tail": tail.decode("latin-1"), "end": name_of(error)}
    return {"received": total, "tail": tail.decode("latin-1")}


def receive_response():
    """Reads one HTTP response and not a byte more. `end` is there if the connection ended first."""
    text = b""
    length = None
    try:
        while length is None or len(text) < length:
            data = sock.recv(1 if length is None else length - len(text))
            if not data:
                return {"text": text.decode("latin-1"), "end": "eof"}
            text += data
            if length is None and text.endswith(b"\r\n\r\n"):
                lines = text.lower().split(b"\r\n")
                sizes = [line.split(b":")[1] for line in lines if line.startswith(b"content-length:")]
                length = len(text) + int(sizes[0] if sizes else 0)
    except OSError as error:
        return {"text": text.decode("latin-1"), "end": name_of(error)}
    return {"text": text.decode("latin-1")}


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
    """Waits for a reset without reading or writing: the errno, or null after `timeout` seconds."""
    poll = select.poll()
    poll.register(sock, 0)
    if not poll.poll(timeout * 1000):
        return {"errno": None}
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return {"errno": errno.errorcode.get(code, code)}


def until_ended():
    """Waits for FIN or RST without reading: the errno that a RST left, or null."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    if not poll.poll(10_000):
        raise TimeoutError(errno.ETIMEDOUT, "neither FIN nor RST")
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return {"errno": errno.errorcode[code] if code else None}


def write_twice():
    """Writes a byte past TLS, and a second one after the peer's kernel has acknowledged or refused the first.

    `errors`: for each byte an errno, or null.
    """
    errors = []
    # TLS may have sent an alert of its own.
    settle()
    try:
        for _ in range(2):
            os.write(sock.fileno(), b".")
            errors.append(None)
            settle()
    except OSError as error:
        errors.append(name_of(error))
    return {"errors": errors}


def settle():
    # For a UNIX socket nothing is in flight: what is in the queue has arrived.
    if sock.family == socket.AF_UNIX:
        return
    poll = select.poll()
    poll.register(sock, 0)
    deadline = time.monotonic() + 10
    while struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0] > 0 and not poll.poll(1):
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "neither acknowledged nor refused")


def die_of_writing():
    """Writes as a program that has left SIGPIPE at its default: the signal that ends the program, or null."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            os.write(sock.fileno(), b".")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return {"signal": signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None}


STEPS = {
    f.__name__: f
    for f in (
        connect,
        send,
        write,
        drip,
        receive,
        receive_response,
        shutdown,
        close,
        reset,
        until_broken,
        until_ended,
        write_twice,
        die_of_writing,
    )
}

for line in sys.stdin:
    step = json.loads(line)
    name = step.pop("do")
    try:
        answer = STEPS[name](**step)
    except OSError as error:
        answer = failed(error)
    print(json.dumps(answer), flush=True)
