#!/bin/sh
# Publishes, and kills its Certbot whenever it is asked to withdraw, until there is $RECORD.spare.
if [ "$1" = cleanup ] && ! [ -e "$RECORD.spare" ]; then kill -KILL $PPID && exit 1; fi
exec "$(dirname "$0")/publishes.py" "$@"
