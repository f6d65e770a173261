#!/bin/sh
# A wrapper that becomes the hook it is for, as many do.
exec "$(dirname "$0")/publishes.py" "$@"
