"""Runs the numeric tests with the kernels of lesser processors, so that one
machine stands for several: switches of torch, oneDNN, MKL and NumPy leave out
what this processor has and others have not. Kernels that are this machine's
own anyway are left to the ordinary tests.

    python tools/restrict_kernels.py -n 2     # arguments are handed to pytest

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
import subprocess
import sys

NUMERIC = [
    "dispatch_sb/losses",
    "dispatch_sb/models",
    "tests/unittests/losses",
    "tests/unittests/models",
    "tests/unittests/scoring/test_composite.py",
    "tests/unittests/enhance/test_enhancers.py",
    "--ignore=dispatch_sb/models/costs.py",  # they count: no kernel matters
    "--ignore=tests/unittests/models/test_costs.py",
]
# By torch's name for the kernels: the switches, and oneDNN's name for its own.
KERNELS = {
    "AVX2": (
        {
            "ATEN_CPU_CAPABILITY": "avx2",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        },
        "Intel AVX2",
    ),
    "DEFAULT": (
        {
            "ATEN_CPU_CAPABILITY": "default",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_CBWR": "COMPATIBLE",
            "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
        },
        "Intel SSE4.1",
    ),
}
PROBE = """
import torch
print("torch:", torch.backends.cpu.get_cpu_capability())
torch.nn.functional.conv1d(torch.ones(2, 8, 99), torch.ones(8, 8, 5))
torch.ones(64, 64) @ torch.ones(64, 64)
"""


def kernels_in_use(switches):
    """Names of the kernels that torch, oneDNN and MKL choose; those of a
    library that is not there are missing."""
    verbose = {"ONEDNN_VERBOSE": "1", "MKL_VERBOSE": "1"}
    output = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, **switches, **verbose},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    patterns = {
        "torch": r"^torch: (.+)",
        "oneDNN": r"onednn_verbose.*,cpu,isa:(.+)",
        "MKL": r"^MKL_VERBOSE SGEMM.* CNR:(\S+)",
    }
    found = {k: re.search(p, output, re.M) for k, p in patterns.items()}
    return {name: match[1] for name, match in found.items() if match}


def run(name, options):
    """Tests with the kernels of one name; the exit status of pytest, or 1 if
    the switches have no effect."""
    switches, onednn = KERNELS[name]
    used = kernels_in_use(switches)
    told = ", ".join(" ".join(pair) for pair in used.items())
    print(f"Kernels {name}: {told}", flush=True)
    if used["torch"] != name or used.get("oneDNN", onednn) != onednn:
        print(f"The switches {switches} did not choose these kernels.")
        return 1
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, *NUMERIC],
        env={**os.environ, **switches},
    ).returncode


def main(options):
    """The worst exit status of all runs."""
    own = kernels_in_use({})["torch"]
    # An x86 processor that has more than the first, such as AVX512, or one
    # of another kind, which can leave out nothing of these.
    lesser = list(KERNELS) if own.startswith("AVX") else []
    if own in lesser:
        lesser = lesser[lesser.index(own) + 1 :]
    print(f"This machine's kernels: {own}; to restrict to: {lesser or 'none'}")
    return max([run(name, options) for name in lesser], default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
