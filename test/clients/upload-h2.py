"""python3 upload-h2.py <url> <count> [length|chunked]: uploads 5 MB <count> times over HTTP/2, by the package h2.

It prints one line for each: what the upload got. (httpx, which is built on h2, reads no answer before it has sent
all, and so waits for ever for the window of a server that does not read.)
"""
import os
import socket
import ssl
import sys
import urllib.parse

import h2.config
import h2.connection
import h2.events

url = urllib.parse.urlsplit(sys.argv[1])
SIZE = 5 << 20


def connect():
    sock = socket.create_connection((url.hostname, url.port), 20)
    if url.scheme == "http":
        return sock
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(sock, server_hostname=url.hostname)


def upload():
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    headers = [(":method", "POST"), (":path", "/"), (":scheme", url.scheme), (":authority", url.netloc)]
    if sys.argv[3:] != ["chunked"]:
        headers.append(("content-length", str(SIZE)))
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, headers)
    status, length, left = None, 0, SIZE
    with connect() as sock:
        while True:
            while left and (step := min(left, connection.local_flow_control_window(stream), 16384)):
                left -= step
                connection.send_data(stream, bytes(step), end_stream=not left)
            sock.sendall(connection.data_to_send())
            data = sock.recv(1 << 16)
            if not data:
                return "the connection ended"
            reset = False
            # As a client does that looks for failures first.
            events = connection.receive_data(data)
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.DataReceived):
                    length += len(event.data)
                elif isinstance(event, h2.events.StreamReset):
                    reset = True
            if reset:
                return "StreamReset"
            if any(isinstance(event, h2.events.StreamEnded) for event in events):
                return f"{status} {length}"


for _ in range(int(sys.argv[2])):
    try:
        print(upload())
    except OSError as error:
        print(type(error).__name__)
