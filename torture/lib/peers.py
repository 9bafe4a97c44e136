"""Many raw peers that do one thing to a server, all at once.

Each line on the standard input is answered with a line of JSON. `start`, with options in JSON (act, host, ports, and
options of the act): connects one peer to each port, runs the act (up to its `yield` if it has two stages), and answers
with the ports of the peers. `go`: runs the second stage. `finish`: answers what each peer has got so far, read or
waiting in its queue, and whether FIN follows it; then the peers close.
"""
import concurrent.futures
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
import threading
import time

options = {}
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000000\r\n\r\n"


class Peer:
    def __init__(self, port):
        self.sock = socket.socket()
        if options.get("receiveBuffer"):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receiveBuffer"])
        self.busy = False
        self.gap = 0
        self.beat_at = time.monotonic()
        self.sock.connect((options["host"], port))
        self.port = self.sock.getsockname()[1]
        self.read = 0
        self.result = None

    def poll(self, events, milliseconds):
        poll = select.poll()
        poll.register(self.sock, events)
        return dict(poll.poll(milliseconds)).get(self.sock.fileno(), 0)

    def queued(self):
        return struct.unpack("i", fcntl.ioctl(self.sock, termios.FIONREAD, bytes(4)))[0]

    def look(self):
        """Records what the peer has got, and whether FIN follows it. After an RST the kernel no longer tells this."""
        fin = bool(self.poll(select.POLLRDHUP, 0) & select.POLLRDHUP)
        self.result = {"port": self.port, "got": self.read + self.queued(), "fin": fin}

    def await_end(self):
        """Waits for FIN or RST."""
        self.poll(select.POLLRDHUP, 20_000)

    def await_bytes(self, count):
        deadline = time.monotonic() + 20
        while self.queued() < count and time.monotonic() < deadline:
            time.sleep(0.005)

    def read_all(self):
        while data := self.sock.recv(1 << 20):
            self.read += len(data)

    def beat(self, began):
        """For a peer that must be busy all the time. `gap`: the longest pause in milliseconds, from the start of one
        act to the end of the next."""
        self.gap = self.gap_by_now()
        self.beat_at = began

    def gap_by_now(self):
        at = self.beat_at
        return self.gap if at is None else max(self.gap, (time.monotonic() - at) * 1000)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def pour(self, until):
        """Sends until `until()` is true or the connection is gone, and does not read."""
        chunk = b"." * (1 << 16)
        self.sock.setblocking(False)
        try:
            while not until():
                began = time.monotonic()
                if self.poll(select.POLLOUT, 50) & select.POLLOUT:
                    self.sock.send(chunk)
                self.beat(began)
        except (OSError, ValueError):
            pass
        finally:
            self.beat(None)


def reset_before_fin(peer):
    peer.await_bytes(1)
    peer.look()
    peer.reset()


def reset_after_fin(peer):
    peer.read_all()
    peer.look()
    peer.result["fin"] = True
    peer.reset()


def reset_in_linger(peer):
    if options.get("reads"):
        peer.read_all()
    else:
        peer.await_bytes(1)
    yield
    # The acknowledgement of a FIN may be delayed by at most 200 ms.
    time.sleep(0.3)
    peer.look()
    peer.result["fin"] |= bool(options.get("reads"))
    peer.reset()


def reset_after_own_fin(peer):
    peer.sock.shutdown(socket.SHUT_WR)
    # What the window lets through. The server's FIN follows the rest, which does not arrive.
    peer.await_bytes(1)
    yield
    peer.look()
    peer.reset()


def reset_after_both_fins(peer):
    peer.sock.shutdown(socket.SHUT_WR)
    peer.read_all()
    peer.look()
    peer.result["fin"] = True
    peer.reset()


def converse(peer):
    """Sends, reads to EOF, sends again, reads to EOF, and closes."""
    peer.notes = {"sent": 0}
    fin = False
    try:
        peer.sock.sendall(HEAD if options.get("http") else b"")
        for words in range(2):
            if words:
                yield
            peer.sock.sendall(b"." * (options["bytes"] // 2))
            peer.notes["sent"] += options["bytes"] // 2
            peer.read_all()
            fin = True
    except OSError as error:
        peer.notes["error"] = errno.errorcode.get(error.errno, str(error))
    peer.result = {"port": peer.port, "got": peer.read, "fin": fin, **peer.notes}
    peer.sock.close()


def read_on(peer):
    yield
    peer.read_all()
    peer.look()
    peer.result["fin"] = True
    peer.sock.close()


def close_together(peer):
    yield
    peer.sock.shutdown(socket.SHUT_WR)
    yield from read_on(peer)


def until_gone(peer):
    """In the second stage: reads what there is, to FIN or RST. `gone`: whether the connection came to an end."""
    yield
    peer.notes = {"gone": False}
    try:
        peer.sock.settimeout(20)
        peer.read_all()
        peer.notes["gone"] = True
    except TimeoutError:
        pass
    except OSError:
        peer.notes["gone"] = True


def half_close(peer):
    peer.sock.shutdown(socket.SHUT_WR)


def silence(peer):
    pass


over = threading.Event()


def pour(peer):
    """Sends without end, and does not read."""
    peer.busy = True
    threading.Thread(target=peer.pour, args=[over.is_set], daemon=True).start()


def drip(peer):
    """Sends a byte every `every` milliseconds, until the connection is gone."""
    peer.busy = True
    ended = over

    def run():
        try:
            while not ended.is_set():
                began = time.monotonic()
                peer.sock.send(b".")
                peer.beat(began)
                time.sleep(options["every"] / 1000)
        except OSError:
            pass
        finally:
            peer.beat(None)

    threading.Thread(target=run, daemon=True).start()


def killed(peer):
    """Another process takes the connection, sends without end, and is killed meanwhile: with the answer in its queue,
    or with a closed window."""
    child = os.fork()
    if child == 0:
        # Close the connections of the other peers: this process must not keep them open.
        fd = peer.sock.fileno()
        os.closerange(3, fd)
        os.closerange(fd + 1, 1024)
        peer.sock.send(HEAD)
        peer.pour(lambda: time.sleep(0.005))
        os._exit(0)
    if options.get("answered"):
        peer.await_end()
    else:
        peer.await_bytes(1)
    time.sleep(0.05)
    peer.look()
    # From now on only the child has a descriptor.
    peer.sock.close()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def flood(peer):
    """Sends `bytes` bytes, and closes its side."""
    chunk = b"." * (1 << 20)
    peer.notes = {"sent": 0}
    try:
        while peer.notes["sent"] < options["bytes"]:
            peer.notes["sent"] += peer.sock.send(chunk[: options["bytes"] - peer.notes["sent"]])
        peer.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    peer.await_end()


class Work:
    def __init__(self, port):
        self.peer = Peer(port)
        # A generator when the act has two stages.
        self.stages = globals()[options["act"]](self.peer)
        self.go()

    def go(self):
        if self.stages:
            next(self.stages, None)

    def finish(self):
        peer = self.peer
        if peer.result is None:
            peer.look()
            peer.result.update(getattr(peer, "notes", {}))
            if peer.busy:
                peer.result["gap"] = peer.gap_by_now()
            peer.sock.close()
        return peer.result


works = []
with concurrent.futures.ThreadPoolExecutor(64) as pool:
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        answer = []
        if command == "start":
            options = json.loads(argument)
            over = threading.Event()
            works = list(pool.map(Work, options["ports"]))
            answer = [work.peer.port for work in works]
        elif command == "go":
            list(pool.map(Work.go, works))
        else:
            answer = [work.finish() for work in works]
            over.set()
        print(json.dumps(answer), flush=True)
