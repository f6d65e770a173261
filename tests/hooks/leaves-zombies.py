#!/usr/bin/env python3
"""Never looks after its children, and never ends."""

import os
import subprocess
import sys
import time

subprocess.run([os.path.join(os.path.dirname(__file__), "publishes.py"), *sys.argv[1:]], check=True)
if sys.argv[1] != "perform":
    sys.exit()
for _ in range(20):
    if os.fork() == 0:
        os._exit(0)
print("twenty", flush=True)
time.sleep(600)
