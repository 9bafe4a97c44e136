#!/bin/sh
# sh upload-wget.sh <url> <count>: uploads 5 MB <count> times, and prints one line for each: what the upload got. wget
# cannot upload in chunks.
set -eu
url=$1 count=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c 5242880 /dev/zero >"$folder/body"

i=0
while [ "$i" -lt "$count" ]; do
  i=$((i + 1))
  LC_ALL=C wget --no-config --no-proxy --tries=1 --timeout=20 \
      --ca-certificate="${SSL_CERT_FILE:-}" --content-on-error --server-response \
    --post-file="$folder/body" -O "$folder/answer" "$url" 2>"$folder/log" || true
  status=$(sed -n 's/^ *HTTP\/[^ ]* \([0-9]*\).*/\1/p' "$folder/log")
  if [ -n "$status" ]; then
    echo "$status $(wc -c <"$folder/answer")"
  else
    # wget's last word: "Giving up."
    grep . "$folder/log" | tail -n 1
  fi
done
