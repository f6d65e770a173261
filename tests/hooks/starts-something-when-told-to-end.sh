#!/bin/sh
# Answers SIGTERM by starting a daemon, and ends.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
trap 'setsid sleep 600 </dev/null >/dev/null 2>&1 & exit 0' TERM
echo "has a plan"
sleep 600 &
wait
