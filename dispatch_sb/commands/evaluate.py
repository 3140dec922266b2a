"""`dispatch-sb evaluate`: a model is scored on pairs of files.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.model_option import add_trust_argument, check_device


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        metavar="model",
        help="the folder of a model or of a run, or a hub id",
    )
    add("--revision", help="of a hub id: commit, tag or branch")
    for option, help in (
        ("--clean", "folder of clean speech"),
        ("--noisy", "folder of the same files with noise"),
        ("--output", "receives scores.json and enhanced/"),
    ):
        add(option, dest=f"{option[2:]}_folder", required=True, help=help)
    add("--device", default="cpu", help="cpu (default) or cuda")
    add("--workers", type=int, help="processes that score; default: all CPUs")
    add(
        "--metrics",
        help="names with commas between them, such as pesq,stoi,composite,"
        "dnsmos; default: all",
    )
    add(
        "--scores-cache",
        metavar="FILE",
        help="keep scores in this file, and take from it those of files that "
        "were scored before; default: scores.jsonl in the output",
    )
    add(
        "--wer",
        metavar="RECOGNISER",
        help="also score the word error rate: folder or hub id of a "
        "SpeechBrain EncoderDecoderASR; its YAML is executed",
    )
    add(
        "--words",
        help="what is said: a folder of text files, a JSON file, or a file "
        "with a name and its words on each line",
    )
    add_trust_argument(parser)


def _evaluate(arguments: argparse.Namespace) -> str:
    check_device(arguments.device)
    from dispatch_sb.scoring import format_table
    from dispatch_sb.scoring.evaluation import evaluate_folders

    return format_table(evaluate_folders(**vars(arguments)))


COMMAND = Command(
    "evaluate",
    "score a model on folders of clean and noisy files",
    _evaluate_arguments,
    _evaluate,
    examples="""\
  dispatch-sb evaluate recipes/VoiceBank/pretrained/fastenhancer-b-16k \\
      --clean /data/clean --noisy /data/noisy --output /tmp/scores
  dispatch-sb evaluate my-model --clean clean --noisy noisy --output scores \\
      --words words --wer speechbrain/asr-crdnn-rnnlm-librispeech""",
)
