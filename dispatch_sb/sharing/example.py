"""The audio that comes with a model: a noisy test utterance, chosen by rank.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from dispatch_sb.report.examples import choose_files
from dispatch_sb.runs.run import Run


def median_example(run: Run) -> tuple[str, Path]:
    """The noisy file of a run's median test utterance.

    Median by the student's gain in PESQ, as in the run's report; the first
    by name if there are no scores. Nobody picks the pretty one.

    Arguments
    ---------
    run : Run
        The run.

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
    files = run.test_files
    name = next(iter(choose_files(run, files, 1)))
    path = Path(files.get(name, {}).get("noisy_wav", f"{name}.wav"))
    if not path.is_file():
        raise FileNotFoundError(
            f"The example audio, the run's median test utterance {name}, is "
            f"not found at {path}: export where the run was trained, or name "
            "another noisy file with --example."
        )
    return name, path
