#!/bin/sh
# Starts fifty children, each with a child in a session of its own, and waits for all of them.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    sleep 600 &
    setsid sleep 600 &
done
echo "fifty"
wait
