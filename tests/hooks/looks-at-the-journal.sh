#!/bin/sh
# Publishes, and notes in $RECORD.unnoted for what no file in the folder $JOURNAL says so.
if [ "$1" = perform ] && ! grep -qsF "\"$domain\"" "$JOURNAL"/*.json; then echo "$domain" >>"$RECORD.unnoted"; fi
exec "$(dirname "$0")/publishes.py" "$@"
