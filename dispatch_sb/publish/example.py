"""The audio that comes with a model: a noisy test utterance, chosen by rank.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from dispatch_sb.data.manifest import read_manifest
from dispatch_sb.data.paths import PLACEHOLDER
from dispatch_sb.publish.settings import Settings
from dispatch_sb.report.run import read_run
from dispatch_sb.report.sections import choose_files


def median_example(settings: Settings) -> tuple[str, Path]:
    """The noisy file of a run's median test utterance.

    Median by the student's gain in PESQ, as in the run's report; the first
    by name if there are no scores. Nobody picks the pretty one.

    Arguments
    ---------
    settings : Settings
        Of the run.

    Returns
    -------
    str
        The utterance's id.
    pathlib.Path
        Its noisy file.

    Raises
    ------
    FileNotFoundError
        If the manifest or the file is not where the run left it.
    """
    manifest = read_manifest(settings.manifest("test"))
    name = next(iter(choose_files(read_run(settings.folder), manifest, 1)))
    wanted = manifest.get(name, {}).get("noisy_wav", f"{name}.wav")
    root = settings.data_root
    path = Path(wanted.replace(PLACEHOLDER, str(root)))
    if root is None or not path.is_file():
        raise FileNotFoundError(
            f"The example audio, the run's median test utterance {name}, is "
            f"not found at {wanted if root is None else path}: export where "
            "the run was trained, or name another noisy file with --example."
        )
    return name, path
