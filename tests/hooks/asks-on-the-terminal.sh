#!/bin/sh
# Asks a person, who is not there.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
printf 'Really? [y/N] '
read -r answer </dev/tty || exit 7
sleep 600
