"""What became of many files, in words.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

from dispatch_sb.enhance.jobs import Outcome
from dispatch_sb.enhance.plan import Plan


def summarise(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[str, int]:
    """Says what was done, what was kept and what failed.

    Arguments
    ---------
    plan : Plan
        From `plan_jobs`.
    outcomes : sequence of Outcome
        From `enhance_jobs`.

    Returns
    -------
    tuple of (str, int)
        The text, and how many files failed.

    Example
    -------
    >>> summarise(Plan([], ["a.wav"], {}), [])[0]
    '0 files enhanced; 1 existed and was kept (--overwrite replaces them).'
    """
    done = [outcome for outcome in outcomes if not outcome.problem]
    failed = dict(plan.problems)
    failed.update({o.job.source: o.problem for o in outcomes if o.problem})
    text = f"{_files(len(done))} enhanced"
    if done:
        text += f" ({_duration(sum(outcome.seconds for outcome in done))})"
    if kept := len(plan.kept):
        verb = "was" if kept == 1 else "were"
        text += f"; {kept} existed and {verb} kept (--overwrite replaces them)"
    if failed:
        text += f"; {len(failed)} failed"
    lines = [text + "."] + [
        note for outcome in done for note in _notes(outcome)
    ]
    for source, reason in failed.items():
        named = reason.startswith(str(source))
        lines.append(
            f"failed: {reason}" if named else f"failed: {source}: {reason}"
        )
    return "\n".join(lines), len(failed)


def _notes(outcome: Outcome) -> list[str]:
    """What a user would wonder about in an output."""
    job, notes = outcome.job, []
    if outcome.replaced:
        notes.append(
            f"note: {job.source} has {outcome.replaced} samples that are no "
            "finite numbers; they became silence."
        )
    if job.fallback:
        notes.append(
            f"note: {job.target} is WAV, since the format of {job.source} "
            "can be read but not written."
        )
    return notes


def _files(count: int) -> str:
    """A number of files."""
    return f"{count} file" if count == 1 else f"{count} files"


def _duration(seconds: float) -> str:
    """A duration in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.1f} s of audio"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min of audio"
    return f"{seconds / 3600:.2f} h of audio"
