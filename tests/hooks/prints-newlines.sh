#!/bin/sh
# Prints a gigabyte of empty lines.
head -c 1000000000 /dev/zero | tr '\0' '\n'
exit 5
