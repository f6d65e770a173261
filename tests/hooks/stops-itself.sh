#!/bin/sh
# Stops itself, as by Ctrl-Z, and is never told to go on.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
echo "stopping"
kill -STOP $$
