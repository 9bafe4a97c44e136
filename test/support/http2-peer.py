"""A raw peer of HTTP/2: reads steps from stdin, one JSON object a line, and prints the frames that came."""
import json
import os
import select
import socket
import struct
import sys

NAMES = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE"]
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# HPACK, all from the static table: the method, `:path: /`, `:scheme: http`, and `:authority: a` as a literal.
HEAD = {"GET": b"\x82\x84\x86\x01\x01a", "POST": b"\x83\x84\x86\x01\x01a"}
INVALID_HEAD = HEAD["GET"] + b"\x00\x01A\x01b"

sock = None
buffer = b""


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def connect(host, port, tls=False, settings=b""):
    global sock, buffer
    buffer = b""
    sock = socket.create_connection((host, port))
    if tls:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(sock)
    sock.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
    return {}


def request(streams, method="POST", end=False, body=0):
    """Sends the head of a request on each stream, all in one write. `body`: bytes of DATA behind it."""
    text = b""
    for stream in streams:
        text += frame(HEADERS, END_HEADERS | (END_STREAM if end and not body else 0), stream, HEAD[method])
        if body:
            text += frame(DATA, END_STREAM if end else 0, stream, bytes(body))
    sock.sendall(text)
    return {}


def data(stream, bytes, end=False):
    sock.sendall(frame(DATA, END_STREAM if end else 0, stream, b"." * bytes))
    return {}


def rst(stream, code):
    sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))
    return {}


def ping():
    sock.sendall(frame(PING, 0, 0, b"lingers?"))
    return {}


def acknowledge(payload):
    sock.sendall(frame(PING, ACK, 0, bytes.fromhex(payload)))
    return {}


def read():
    global buffer
    chunk = sock.recv(1 << 16)
    if not chunk:
        raise EOFError
    buffer += chunk


def next_frame():
    global buffer
    while len(buffer) < 9 or len(buffer) < 9 + int.from_bytes(buffer[:3], "big"):
        read()
    length = int.from_bytes(buffer[:3], "big")
    kind, flags = buffer[3], buffer[4]
    stream = int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
    payload, buffer = buffer[9 : 9 + length], buffer[9 + length :]
    return kind, flags, stream, payload


def describe(kind, flags, stream, payload):
    name = NAMES[kind] if kind < len(NAMES) else str(kind)
    described = {"type": name, "stream": stream, "length": len(payload)}
    if kind in (DATA, HEADERS) and flags & END_STREAM:
        described["end"] = True
    if kind in (SETTINGS, PING) and flags & ACK:
        described["ack"] = True
    if kind == PING:
        described["payload"] = payload.hex()
    if kind == RST_STREAM:
        described["code"] = int.from_bytes(payload, "big")
    if kind == 7:
        described["code"] = int.from_bytes(payload[4:8], "big")
    return described


def frames(until, count=1):
    """Reads to the `count`-th frame of the type `until` ('ACK': of our own PING), or to the end of the connection.

    SETTINGS are acknowledged and left out.
    """
    seen = []
    try:
        while count > 0:
            described = describe(*next_frame())
            if described["type"] == "SETTINGS":
                if "ack" not in described:
                    sock.sendall(frame(SETTINGS, ACK, 0))
                continue
            own = described["type"] == "PING" and "ack" in described
            seen.append(described)
            if ("ACK" if own else described["type"]) == until:
                count -= 1
    except EOFError:
        seen.append({"type": "EOF"})
    except OSError as error:
        seen.append({"type": type(error).__name__})
    return {"frames": seen}


def streams():
    number = 1
    while True:
        yield number
        number += 2


def rapidly(head, behind=b""):
    """Streams one after the other, 500 in each piece."""
    numbers = streams()
    while True:
        yield b"".join(frame(HEADERS, *head(number)) + behind for number in (next(numbers) for _ in range(500)))


def repeated(text, first=b""):
    yield first
    while True:
        yield text


FLOODS = {
    "PING": lambda: repeated(frame(PING, 0, 0, bytes(8)) * 1000),
    "SETTINGS": lambda: repeated(frame(SETTINGS, 0, 0) * 1000),
    "CONTINUATION": lambda: repeated(
        frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100) * 100, frame(HEADERS, 0, 1, HEAD["POST"])
    ),
    "invalid frames": lambda: rapidly(lambda stream: (END_HEADERS | END_STREAM, stream, INVALID_HEAD)),
    "empty DATA": lambda: repeated(frame(DATA, 0, 1) * 1000, frame(HEADERS, END_HEADERS, 1, HEAD["POST"])),
    "rejected streams": lambda: rapidly(lambda stream: (END_HEADERS | END_STREAM, stream, HEAD["GET"])),
    "WINDOW_UPDATE of nothing": lambda: repeated(frame(8, 0, 0, bytes(4)) * 1000),
    "WINDOW_UPDATE of too much": lambda: repeated(frame(8, 0, 0, b"\x7f\xff\xff\xff") * 1000),
    "GOAWAY with an error, and PING": lambda: repeated(
        frame(PING, 0, 0, bytes(8)) * 1000, frame(7, 0, 0, struct.pack(">II", 0, 1))
    ),
}


def flood(kind, reads, seconds):
    """Sends until the connection breaks: `seconds` it took, or null after that time. `reads`: whether it also reads."""
    import time

    pieces = FLOODS[kind]()
    start = time.monotonic()
    sock.setblocking(False)
    out = b""
    eof = False
    while time.monotonic() - start < seconds:
        if len(out) < 1 << 16:
            out += next(pieces)
        readable, writable, _ = select.select([sock] if reads and not eof else [], [sock], [], 0.1)
        try:
            if readable:
                eof = not sock.recv(1 << 16)
            if writable:
                out = out[sock.send(out) :]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            # Of TLS: it wants to read or to write first.
            if type(error).__name__ not in ("SSLWantReadError", "SSLWantWriteError"):
                return {"seconds": time.monotonic() - start}
    return {"seconds": None}


def reset():
    """RST: SO_LINGER {1, 0} and close."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return {}


def close():
    sock.close()
    return {}


for line in sys.stdin:
    step = json.loads(line)
    print(json.dumps(globals()[step.pop("do")](**step)), flush=True)
