"""`dispatch-sb mix`: fixed pairs made of one's own speech and noise.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described


def _mix(speech, noise, more_speech, more_noise, out, **options) -> str:
    from dispatch_sb.data.own_speech import mix_folders

    folders = [speech, *more_speech], [noise, *more_noise]
    count = mix_folders(*folders, out, **options)
    return (
        f"{out} holds {count} pairs: record a teacher on {out}/noisy, train "
        f"with --train_pairs {out}"
    )


COMMAND = described("mix", _mix)
