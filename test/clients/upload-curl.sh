#!/bin/sh
# sh upload-curl.sh <url> <count> <length|chunked> [curl options]: uploads 5 MB <count> times, and prints one line for
# each: what the upload got.
set -eu
url=$1 count=$2 framing=$3
shift 3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c 5242880 /dev/zero >"$folder/body"

# HTTP/2 has no chunks: there curl drops this header and sends no length.
if [ "$framing" = chunked ]; then set -- -H 'Transfer-Encoding: chunked' "$@"; fi
# Without `Expect: 100-continue`, which would save curl the upload.
set -- -q -s --max-time 20 --noproxy '*' -o "$folder/answer" \
    -w '%{exitcode} %{http_code} %{size_download} %{errormsg}\n' \
  -H Expect: --data-binary "@$folder/body" "$@" "$url"

i=0
while [ "$i" -lt "$count" ]; do
  i=$((i + 1))
  if line=$(LC_ALL=C curl "$@"); then
    line=${line#* }
    echo "${line% *}"
  else
    # Only the error: drop the exit code, the status and the size.
    line=${line#* * * }
    echo "${line:-curl failed}"
  fi
done
