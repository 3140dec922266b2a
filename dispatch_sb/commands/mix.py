"""`dispatch-sb mix`: fixed pairs made of one's own speech and noise.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _mix_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "speech",
        metavar="SPEECH",
        help="folder of clean speech, 16 kHz mono, searched recursively",
    )
    add("noise", metavar="NOISE", help="folder of noise, likewise")
    add("output", metavar="OUT", help="folder: receives clean/ and noisy/")
    add("--hours", type=float, required=True, help="of mixtures, about")
    add("--more-speech", nargs="+", default=[], help="other folders of speech")
    add("--more-noise", nargs="+", default=[], help="other folders of noise")
    add(
        "--snr",
        nargs=2,
        type=float,
        default=(-5.0, 15.0),
        metavar=("LOW", "HIGH"),
        help="signal-to-noise ratio in dB (-5 15)",
    )
    add(
        "--level",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="RMS of the mixtures in dB below full scale, such as -35 -15; "
        "default: the speech keeps its level",
    )
    add(
        "--segment",
        type=float,
        metavar="SECONDS",
        help="length of the mixtures; default: whole utterances",
    )
    add("--seed", type=int, default=0, help="of all choices")


def _mix(arguments: argparse.Namespace) -> str:
    from dispatch_sb.data.own_speech import mix_folders

    count = mix_folders(
        [arguments.speech, *arguments.more_speech],
        [arguments.noise, *arguments.more_noise],
        arguments.output,
        arguments.hours,
        tuple(arguments.snr),
        arguments.level,
        arguments.segment,
        arguments.seed,
    )
    return (
        f"{arguments.output} holds {count} pairs: record a teacher on "
        f"{arguments.output}/noisy, train with --train_pairs "
        f"{arguments.output}"
    )


COMMAND = Command(
    "mix",
    "write fixed mixtures of your own speech and noise",
    _mix_arguments,
    _mix,
    examples="""\
  dispatch-sb mix /data/speech/train /data/noise/train pool/train --hours 3
  dispatch-sb mix speech noise pool --hours 1 --snr 0 10 --segment 4

The same command gives the same files, and goes on after an interruption.
Keep the speakers and noises of training, validation and test in folders of
their own.""",
)
