"""python3 upload.py <url> <count>: uploads 5 MB so often, and prints what each upload got, one a line."""
import errno
import http.client
import sys
import urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
body = bytes(5 << 20)
for _ in range(int(sys.argv[2])):
    connection = http.client.HTTPConnection(url.hostname, url.port)
    try:
        connection.request("POST", "/", body)
        response = connection.getresponse()
        print(response.status, len(response.read()))
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))
    except http.client.HTTPException as error:
        print(type(error).__name__)
    connection.close()
