#!/bin/bash
# keep COMMAND…: run it with the folder $LETSENCRYPT as it was left the last time, for jobs that start with nothing.
# What is kept is $LETSENCRYPT.enc, encrypted with the passphrase in $STORE_KEY: the folder has the keys of the account
# and of the certificates, and a cache is read by more people than may have these. Needs openssl 1.1.1 or newer.
set -euo pipefail
umask 077
: "${STORE_KEY:?is not set, and nothing is kept without it}"
cipher=(openssl enc -aes-256-cbc -pbkdf2 -iter 600000 -pass env:STORE_KEY)

rm -rf "$LETSENCRYPT"
mkdir "$LETSENCRYPT"
if [ -e "$LETSENCRYPT.enc" ]; then
    "${cipher[@]}" -d -in "$LETSENCRYPT.enc" | tar -x -C "$LETSENCRYPT"
fi

# Also after a failure: what was issued is not asked for again.
keep() {
    tar -c -C "$LETSENCRYPT" . | "${cipher[@]}" -out "$LETSENCRYPT.new"
    mv "$LETSENCRYPT.new" "$LETSENCRYPT.enc"
    rm -rf "$LETSENCRYPT"
}
trap keep EXIT
"$@"
