#!/bin/sh
# sh upload-nghttp.sh <url> <count> <length|chunked>: uploads 5 MB <count> times, and prints one line for each: what the
# upload got.
set -eu
url=$1 count=$2 framing=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c 5242880 /dev/zero >"$folder/body"
if [ "$framing" = chunked ]; then set -- --no-content-length; else set --; fi

i=0
while [ "$i" -lt "$count" ]; do
  i=$((i + 1))
  # The frames go to one file, the answer and errors with them: nghttp has no exit code for a stream that failed.
  nghttp --no-verify-peer --verbose --timeout=20 --data="$folder/body" "$@" "$url" >"$folder/log" 2>&1 || true
  status=$(sed -n 's/.*recv (stream_id=13) :status: \([0-9]*\).*/\1/p' "$folder/log")
  length=$(sed -n 's/.*recv DATA frame <length=\([0-9]*\),.*stream_id=13>.*/\1/p' "$folder/log" |
    awk '{ n += $1 } END { print n + 0 }')
  if grep -q 'Some requests were not processed' "$folder/log"; then status="not processed:$status"; fi
  echo "${status:-none} $length"
done
