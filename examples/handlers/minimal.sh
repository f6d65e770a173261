#!/bin/sh
# The least there can be: http-01, by a file in a folder that a web server on this machine serves.
set -eu
folder=${CHALLENGE_FOLDER:-/var/www/html/.well-known/acme-challenge}
case $1 in
perform)
    [ "$cbot_type" = http-01 ] || { echo "this handler does http-01 only: --preferred-challenges http" >&2 && exit 1; }
    umask 022
    printf %s "$cbot_key_auth" >"$folder/$cbot_token"
    ;;
cleanup) rm -f "$folder/$cbot_token" ;;
*) echo NotImplemented && exit 1 ;;
esac
