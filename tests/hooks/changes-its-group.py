#!/usr/bin/env python3
"""Has a child that makes a process group of its own."""

import os
import subprocess
import sys
import time

subprocess.run([os.path.join(os.path.dirname(__file__), "publishes.py"), *sys.argv[1:]], check=True)
if sys.argv[1] != "perform":
    sys.exit()
if os.fork() == 0:
    os.setpgid(0, 0)
    time.sleep(600)
print("divided", flush=True)
time.sleep(600)
