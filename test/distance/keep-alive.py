"""Clients that ask again and again on a connection that stays open, one thread each, until the server ends it.

args: PORT PAUSE SEED ADDRESS...    PAUSE: up to so many seconds, at random, between an answer and the next request
Prints 'begun' when each has had two answers, then JSON: how many ended in which way. 'lost': a request was sent, and
the connection ended without an answer.
"""
import json
import random
import select
import socket
import sys
import threading

port, pause, seed, *addresses = sys.argv[1:]
port, pause = int(port), float(pause)
REQUEST = b"GET / HTTP/1.1\r\nHost: distance\r\n\r\n"
lock = threading.Lock()
waiting = len(addresses)
ends = {}


def begun():
    global waiting
    with lock:
        waiting -= 1
        if waiting == 0:
            print("begun", flush=True)


def visit(index, address):
    chance = random.Random(f"{seed} {index}")
    with socket.create_connection((address, port)) as connection:
        answers = 0
        while True:
            # As any careful client: a connection that the server has ended is not used again.
            readable, _, _ = select.select([connection], [], [], chance.uniform(0, pause))
            if readable:
                return "told by FIN"
            answer = b""
            try:
                connection.sendall(REQUEST)
                while not answer.endswith(b"answer"):
                    block = connection.recv(65536)
                    if not block:
                        return "lost"
                    answer += block
            except OSError:
                return "lost"
            answers += 1
            if answers == 2:
                begun()
            if b"connection: close" in answer.lower():
                return "told by an answer"


def run(index, address):
    end = visit(index, address)
    with lock:
        ends[end] = ends.get(end, 0) + 1


threads = [threading.Thread(target=run, args=each) for each in enumerate(addresses)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(ends))
