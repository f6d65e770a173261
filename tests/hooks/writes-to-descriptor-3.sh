#!/bin/sh
# Writes where another client once had a certificate open.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
echo "rubbish" >&3 || exit 8
