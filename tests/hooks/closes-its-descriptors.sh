#!/bin/sh
# Closes its output and goes on in silence.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
echo "closing"
exec <&- >&- 2>&-
sleep 600
