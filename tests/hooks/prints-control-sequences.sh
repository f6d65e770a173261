#!/bin/sh
# Clears the screen, sets a title, moves back up over what was said, and rings.
"$(dirname "$0")/publishes.py" "$@" || exit
[ "$1" = perform ] || exit 0
printf '\033[2J\033]0;owned\007\033[1A\033[2Kall is well\r\n\033[8mhidden\033[0m\n\302\2331mred\n'
exit 5
