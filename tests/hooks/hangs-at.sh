#!/bin/sh
# Hangs at the operation $HANGS_AT when it has done it, and notes it when it is told to end.
"${0%/*}/publishes.py" "$@" || exit
[ "$1" = "$HANGS_AT" ] || exit 0
trap 'touch "$RECORD.told"; exit 1' TERM
touch "$RECORD.there"
while :; do sleep 600 & wait; done
