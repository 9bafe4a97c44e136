"""The two ends of a network that is tried out.

args: server                           answers each UDP packet, and takes what comes over TCP
      client ADDRESS PINGS BYTES       prints JSON: the round trips in seconds (null: lost), and the time of a transfer
"""
import json
import socket
import sys
import threading
import time


def serve():
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("0.0.0.0", 9000))
    sink = socket.create_server(("0.0.0.0", 9001))
    threading.Thread(target=take, args=[sink], daemon=True).start()
    print("ready", flush=True)
    while True:
        packet, sender = echo.recvfrom(100)
        echo.sendto(packet, sender)


def take(sink):
    while True:
        connection, _ = sink.accept()
        received = 0
        while block := connection.recv(1 << 20):
            received += len(block)
        connection.sendall(str(received).encode())
        connection.close()


def ping(address, count):
    """All at once, as fast as the queue of the line lets them through."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(3)
    sent = {}
    times = [None] * count
    for i in range(count):
        sent[i] = time.monotonic()
        udp.sendto(str(i).encode(), (address, 9000))
        time.sleep(0.002)
    try:
        while None in times:
            i = int(udp.recv(100))
            times[i] = time.monotonic() - sent[i]
    except TimeoutError:
        pass
    return times


def transfer(address, size):
    began = time.monotonic()
    connection = socket.create_connection((address, 9001))
    connection.sendall(b"x" * size)
    connection.shutdown(socket.SHUT_WR)
    received = int(connection.recv(100))
    return {"received": received, "seconds": time.monotonic() - began}


if sys.argv[1] == "server":
    serve()
else:
    address, pings, size = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    result = {"pings": ping(address, pings)}
    if size:
        result.update(transfer(address, size))
    print(json.dumps(result))
