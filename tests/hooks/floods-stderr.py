#!/usr/bin/env python3
"""Megabytes of complaints."""

import os
import subprocess
import sys

subprocess.run([os.path.join(os.path.dirname(__file__), "publishes.py"), *sys.argv[1:]], check=True)
if sys.argv[1] != "perform":
    sys.exit()
for _ in range(200):
    os.write(2, b"complaint after complaint\n" * 2000)
sys.exit(12)
