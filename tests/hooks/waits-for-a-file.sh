#!/bin/sh
# Publishes, says so by making $RECORD.published, and goes on only when there is $RECORD.go.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
touch "$RECORD.published"
while ! [ -e "$RECORD.go" ]; do sleep 0.05; done
