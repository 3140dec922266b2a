"""Which keys a recipe has, and which keys code uses.

Authors
 * The dispatch-sb contributors, 2026
"""

import csv
import dataclasses
import re

from project import ROOT
from ruamel.yaml import YAML
from speechbrain.core import RunOptions

from dispatch_sb.training.recipe_files import compose

TABLE = ROOT / "tests" / "recipes" / "VoiceBank.csv"
RUN_OPTIONS = {field.name for field in dataclasses.fields(RunOptions)}
HARD = re.compile(r'hparams\["(\w+)"\]|self\.hparams\.(\w+)')
SOFT = re.compile(r'"(\w+)"')  # in whatever way the code uses the name


def rows():
    """The lines of the table of recipes."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keys_of(recipe):
    """Keys of a recipe file, those of the files that it extends included."""
    return list(YAML().load(compose(recipe)))


def used_inside(recipe):
    """Keys that a recipe file itself refers to."""
    return set(re.findall(r"<(\w+)(?:\[[^>]*)?>", compose(recipe)))


def needed_by(*files):
    """Keys that code cannot do without."""
    return _matches(HARD, files)


def known_to(*files):
    """Keys that code uses where they are."""
    return _matches(HARD, files) | _matches(SOFT, files)


def _matches(pattern, files):
    """Names that a pattern finds in some files."""
    texts = [path.read_text(encoding="utf-8") for path in files]
    found = [match for text in texts for match in pattern.finditer(text)]
    return {name for match in found for name in match.groups() if name}
