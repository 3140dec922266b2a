"""Memory that is used again in every step is not taken anew.

Authors
 * The dispatch-sb contributors, 2026
"""

import subprocess
import sys

PROGRAM = """
import resource
from dispatch_sb.training.memory import keep_freed_memory
agreed = keep_freed_memory()
def step():
    return [b"x" * 2**22 for _ in range(8)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(agreed), faults)
"""
PAGES = 10 * 8 * 2**22 // 4096  # that ten steps fill


def test_steps_reuse_their_memory():
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    agreed, faults = map(int, done.stdout.split())
    assert faults < PAGES / 10 or not agreed
