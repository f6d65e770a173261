#!/bin/sh
# Never ends, and has started something else that does not end either.
[ "$1" = perform ] || exit 0
sleep 600 &
echo "$! $$" >"$RECORD.pids"
echo "waiting for the provider"
wait
