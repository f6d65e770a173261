#!/usr/bin/env python3
"""NULs, bytes that are no UTF-8, half a character, and no end of line."""

import os
import subprocess
import sys

subprocess.run([os.path.join(os.path.dirname(__file__), "publishes.py"), *sys.argv[1:]], check=True)
if sys.argv[1] != "perform":
    sys.exit()
os.write(1, b"\0\0\xff\xfe\xc3(\xe2\x82\n" + bytes(range(256)) + b"\nthe end\xe2\x82")
sys.exit(11)
