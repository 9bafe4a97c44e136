#!/bin/sh
# sh upload-curl.sh <url> <count> <length|chunked> [options of curl]: uploads 5 MB so often, and prints what each upload got, one a line.
set -eu
url=$1 count=$2 framing=$3
shift 3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c 5242880 /dev/zero >"$folder/body"

# HTTP/2 has no chunks: there curl leaves the header out, and says no length.
if [ "$framing" = chunked ]; then set -- -H 'Transfer-Encoding: chunked' "$@"; fi
# Without `Expect: 100-continue`, which would spare curl the upload.
set -- -q -s --max-time 20 --noproxy '*' -o "$folder/answer" -w '%{exitcode} %{http_code} %{size_download} %{errormsg}\n' \
  -H Expect: --data-binary "@$folder/body" "$@" "$url"

i=0
while [ "$i" -lt "$count" ]; do
  i=$((i + 1))
  if line=$(LC_ALL=C curl "$@"); then
    line=${line#* }
    echo "${line% *}"
  else
    # The error alone, without the exit code, the status and the size.
    line=${line#* * * }
    echo "${line:-curl failed}"
  fi
done
