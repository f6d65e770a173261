#!/bin/sh
# Ends well, but something it started goes on writing to its output for ever.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
( while :; do echo "still writing"; sleep 0.1; done ) &
exit 0
