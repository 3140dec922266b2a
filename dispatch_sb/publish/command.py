"""The command that trained a run: as it was noted at the time, or rebuilt
from the run's settings.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

import yaml

from dispatch_sb.runs.settings import Settings, scalar

NOTED = re.compile(r"\A# (python train\.py .+)")
ABSOLUTE = re.compile(r"(?<![\w.~/:-])/[^\s'\",\[\]]+")
LONGEST = 72  # letters on one line
# Where and how fast a run works, not what comes out of it.
PLACES = {
    "method",
    "output_folder",
    "save_folder",
    "manifest_folder",
    "train_manifest",
    "valid_manifest",
    "test_manifest",
    "mini_folder",
    "prepared_folder",
    "skip_prep",
    "num_workers",
    "workers",
    "examples",
    "teacher_savedir",
}
MIXING = {"mixtures_per_epoch", "mixing_snr_db", "mixing_level_db", "own_pairs"}


def note_command(arguments: Sequence[str]) -> str:
    """A comment for the top of a run's ``hyperparams.yaml``.

    Arguments
    ---------
    arguments : sequence of str
        What followed ``train.py`` on the command line.

    Returns
    -------
    str
        One line, which ``training_command`` reads.

    Example
    -------
    >>> note_command(["hparams/dispatch.yaml", "--seed", "3", "--test_only"])
    '# python train.py hparams/dispatch.yaml --seed 3\\n'
    """
    kept = [word for word in arguments if word != "--test_only"]
    line = shlex.join(["python", "train.py", *kept])
    return f"# {' '.join(line.splitlines())}\n"


def training_command(settings: Settings) -> str:
    """The command that trains a run again, in the recipe's folder.

    Arguments
    ---------
    settings : Settings
        Of the run.

    Returns
    -------
    str
        The noted one; where none was noted, one that states every setting.
        Folders outside the recipe are shortened to ``/data/<name>``: where
        somebody's files lie is nobody's business.

    Example
    -------
    >>> text = "# python train.py a.yaml --data_folder /home/ann/VoiceBank\\n"
    >>> training_command(Settings(text))
    'python train.py a.yaml --data_folder /data/VoiceBank'
    """
    noted = NOTED.match(settings.text)
    command = noted[1] if noted else _rebuilt(settings)
    command = ABSOLUTE.sub(
        lambda path: f"/data/{PurePosixPath(path[0]).name}", command
    )
    short = len(command) <= LONGEST
    return command if short else re.sub(r" (?=--\w)", " \\\n    ", command)


def _rebuilt(settings: Settings) -> str:
    """A command with every setting that decides the result."""
    plain = settings.plain
    own = plain.get("clean_folders") is not None
    unused = PLACES if own else PLACES | MIXING
    words = ["python", "train.py", f"hparams/{plain.get('method')}.yaml"]
    for key, value in plain.items():
        if key in unused or (value is None and key != "data_folder"):
            continue
        flow = yaml.safe_dump(
            _builtin(value), default_flow_style=True, width=10**6
        )
        text = flow.removesuffix("\n").removesuffix("\n...")
        words += [f"--{key}", text]
    return shlex.join(words)


def _builtin(value):
    """Plain Python values of what the YAML reader wraps."""
    if isinstance(value, list):
        return [_builtin(item) for item in value]
    value = scalar(value)
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else str(value)
