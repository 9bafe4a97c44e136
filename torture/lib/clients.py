"""Many clients in one process, each with a thread of its own, that do the same step at the same time.

Each line on the standard input is a step, a JSON object, and is answered with a line of JSON.
"""
import concurrent.futures
import errno
import json
import resource
import signal
import socket
import ssl
import struct
import sys
import time

PATIENCE = 30
clients = []


class Client:
    def __init__(self, host, port, tls, alpn, local):
        self.raw = self.sock = socket.socket()
        self.raw.settimeout(PATIENCE)
        if local:
            self.raw.bind((local, 0))
        self.port = None
        self.got = b""
        self.end = None
        try:
            self.connect(host, port, tls, alpn)
        except ConnectionResetError as error:
            # The server may reset at once.
            self.end = name_of(error)

    def connect(self, host, port, tls, alpn):
        self.raw.connect((host, port))
        self.port = self.raw.getsockname()[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if alpn:
                context.set_alpn_protocols([alpn])
            self.sock = context.wrap_socket(self.raw)

    def send(self, text="", hex="", bytes=0, drips=0, every=0):
        """Sends a text, then that many bytes, then one byte `drips` times. It reads nothing meanwhile."""
        try:
            self.sock.sendall(text.encode() + __builtins__.bytes.fromhex(hex))
            chunk = b"." * (1 << 16)
            while bytes > 0:
                self.sock.sendall(chunk[:bytes])
                bytes -= len(chunk)
            for _ in range(drips):
                time.sleep(every)
                self.sock.sendall(b".")
            return None
        except OSError as error:
            return name_of(error)

    def until(self, text):
        """Reads until a text has come, which is taken off, or to the end."""
        while text.encode() not in self.got and self.end is None:
            self.receive()
        found = text.encode() in self.got
        self.got = self.got.partition(text.encode())[2]
        return found

    def read(self, text=""):
        """Reads to the end. `whole`: whether this text has come."""
        while self.end is None:
            self.receive()
        return {"port": self.port, "got": len(self.got), "end": self.end, "whole": text.encode() in self.got}

    def receive(self):
        try:
            data = self.sock.recv(1 << 18)
            self.got += data
            if not data:
                self.end = "eof"
        except OSError as error:
            self.end = name_of(error)

    def close(self):
        self.sock.close()
        self.raw.close()

    def reset(self):
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def name_of(error):
    return errno.errorcode.get(error.errno) or type(error).__name__


def all_do(method, **arguments):
    return list(pool.map(lambda client: getattr(client, method)(**arguments), clients))


def open_all(count, port, host="127.0.0.1", tls=False, alpn=None, local=None):
    """Opens connections. `local`: the addresses that the clients have, by turns."""
    addresses = [local[i % len(local)] if local else None for i in range(count)]
    clients.extend(pool.map(lambda address: Client(host, port, tls, alpn, address), addresses))
    return [client.port for client in clients]


def end_all(method):
    all_do(method)
    clients.clear()


steps = {
    "open": open_all,
    "close": lambda: end_all("close"),
    "reset": lambda: end_all("reset"),
    **{name: (lambda name: lambda **given: all_do(name, **given))(name) for name in ("send", "until", "read")},
}

signal.signal(signal.SIGPIPE, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
with concurrent.futures.ThreadPoolExecutor(400) as pool:
    for line in sys.stdin:
        step = json.loads(line)
        print(json.dumps(steps[step.pop("do")](**step)), flush=True)
