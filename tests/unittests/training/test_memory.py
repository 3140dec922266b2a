"""Memory that is used again in every step is not taken anew.

Authors
 * The dispatch-sb contributors, 2026
"""

import subprocess
import sys

PROGRAM = """
import resource, sys, torch
from dispatch_sb.training.memory import keep_freed_memory
agreed = sys.argv[1] == "keep" and keep_freed_memory()
def step():
    return [torch.zeros(2**20) for _ in range(8)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(agreed), faults)
"""


def faults(*words):
    """Whether the C library agreed, and page faults of ten steps."""
    program = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return map(int, done.stdout.split())


def test_steps_reuse_their_memory():
    _, usual = faults("leave")
    agreed, kept = faults("keep")
    assert kept < usual / 10 if agreed else kept <= 2 * usual
