#!/bin/sh
# Implements only what it must, and says so for all else, as the historic handlers did.
case $1 in
perform | cleanup) exec "$(dirname "$0")/publishes.py" "$@" ;;
*) echo NotImplemented && exit 1 ;;
esac
