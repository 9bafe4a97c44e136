"""Uploads that write everything before they read. One thread for each address.

Prints 'begun' when each has sent something, then JSON: how each ended, its port, and for 'raw' whether its TCP had the
whole answer, read or not.

args: raw|http.client http|https port bytes address...
"""
import http.client
import json
import socket
import ssl
import sys
import threading

kind, protocol, port, size, *addresses = sys.argv[1:]
port, size = int(port), int(size)
HEAD = "POST /upload HTTP/1.1\r\nHost: distance\r\nContent-Length: {}\r\n\r\n"
BLOCK = b"x" * 65536
tls = ssl._create_unverified_context()
results = [None] * len(addresses)
ports = [0] * len(addresses)
lock = threading.Lock()
waiting = list(addresses)
held = [None] * len(addresses)


def begun():
    with lock:
        waiting.pop()
        if not waiting:
            print("begun", flush=True)


def body():
    sent = 0
    while sent < size:
        yield BLOCK[: min(len(BLOCK), size - sent)]
        if sent == len(BLOCK):
            begun()
        sent += len(BLOCK)


def raw(index, address):
    connection = socket.create_connection((address, port))
    if protocol != "http":
        connection = tls.wrap_socket(connection)
    with connection:
        ports[index] = connection.getsockname()[1]
        try:
            connection.sendall(HEAD.format(size).encode())
            for block in body():
                connection.sendall(block)
        except OSError as error:
            # Such a client gives up here. Only this test looks what was there for it.
            read(connection, index)
            return type(error).__name__
        return read(connection, index)


def read(connection, index):
    answer = b""
    try:
        while block := connection.recv(65536):
            answer += block
    except OSError:
        pass
    head, _, text = answer.partition(b"\r\n\r\n")
    held[index] = len(text) >= 100
    return complete(int(head.split()[1]) if head else 0, text)


def by_http_client(index, address):
    if protocol == "http":
        connection = http.client.HTTPConnection(address, port)
    else:
        connection = http.client.HTTPSConnection(address, port, context=tls)
    connection.connect()
    ports[index] = connection.sock.getsockname()[1]
    connection.request("POST", "/upload", body=body(), headers={"Content-Length": str(size)})
    response = connection.getresponse()
    return complete(response.status, response.read())


def complete(status, text):
    return "answer" if status == 413 and len(text) >= 100 else "a part"


def run(index, address):
    try:
        results[index] = {"raw": raw, "http.client": by_http_client}[kind](index, address)
    except Exception as error:  # every failure is a result
        results[index] = type(error).__name__


threads = [threading.Thread(target=run, args=each) for each in enumerate(addresses)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"results": results, "ports": ports, "held": held}))
