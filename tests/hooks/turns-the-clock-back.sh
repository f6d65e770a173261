#!/bin/sh
# The clock is put back by three hours while it works; $CLOCK is where its caller looks by how much.
"$(dirname "$0")/publishes.py" "$@" || exit
if [ "$1" = perform ]; then echo "-10800" >"$CLOCK"; fi
