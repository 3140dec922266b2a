"""The programs of a Slurm cluster whose two machines are this one.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

PROGRAMS = {
    "sbatch": """\
        while [ "${1#--}" != "$1" ]; do shift; done
        export SLURM_JOB_ID=$$ SLURM_JOB_NUM_NODES=2 SLURM_SUBMIT_DIR=$PWD
        export SLURM_JOB_NODELIST='127.0.0.[1-2]'
        cp "$1" "$SPOOL/slurm_script"; shift
        cd /; exec bash "$SPOOL/slurm_script" "$@" """,
    "scontrol": """\
        [ "$*" = "show hostnames 127.0.0.[1-2]" ] || exit 1
        printf '127.0.0.1\\n127.0.0.2\\n' """,
    "srun": """\
        while [ "${1#--}" != "$1" ]; do shift; done
        for node in 0 1; do
            SLURM_NODEID=$node SLURM_PROCID=$node "$@" &
        done
        wait -n || { kill $(jobs -p); exit 1; }
        wait -n""",
}


def install(folder: Path) -> None:
    """Writes `sbatch`, `scontrol` and `srun`.

    Arguments
    ---------
    folder : Path
        To be put on the path of a shell, and into its variable ``SPOOL``.
    """
    folder.mkdir()
    for name, lines in PROGRAMS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\nset -e\n{lines}\n", encoding="utf-8")
        path.chmod(0o755)
