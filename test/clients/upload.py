"""python3 upload.py <url> <count> [length|chunked]: uploads 5 MB <count> times.

It prints one line for each: what the upload got.
"""
import errno
import http.client
import ssl
import sys
import urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
chunked = sys.argv[3:] == ["chunked"]
Connection = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
body = bytes(5 << 20)


def pieces():
    for start in range(0, len(body), 1 << 16):
        yield body[start : start + (1 << 16)]


for _ in range(int(sys.argv[2])):
    connection = Connection(url.hostname, url.port)
    try:
        connection.request("POST", "/", pieces() if chunked else body)
        response = connection.getresponse()
        print(response.status, len(response.read()))
    except ssl.SSLError as error:
        # The errno of an SSLError is a number of OpenSSL.
        print(error.reason or type(error).__name__)
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))
    except http.client.HTTPException as error:
        print(type(error).__name__)
    connection.close()
