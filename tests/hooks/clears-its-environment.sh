#!/bin/sh
# Starts a daemon that nothing of its environment tells whose it is, and waits.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
env -i setsid /bin/sleep 600 </dev/null >/dev/null 2>&1 &
echo "nobody knows me"
wait
