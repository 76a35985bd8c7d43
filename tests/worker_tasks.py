"""Module-level functions for the tests of worker processes, importable in a spawned process."""

import os
import signal
import subprocess
import sys
import time


def double(value):
    return 2 * value


def fail():
    raise ValueError("nothing fits")


def sleep_with_child(path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path.write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def die():
    os.kill(os.getpid(), signal.SIGKILL)
