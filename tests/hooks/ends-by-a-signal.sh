#!/bin/sh
# Ended by a signal of its own choice.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
echo "choosing its end"
kill -"${ENDS_BY:-SEGV}" $$
