"""`dispatch-sb evaluate`: a model is scored on pairs of files.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", help="the folder of a model or of a run, or a hub id"
    )
    parser.add_argument("--revision", help="of a hub id: commit, tag or branch")
    parser.add_argument("--clean", required=True, help="folder of clean speech")
    parser.add_argument(
        "--noisy", required=True, help="folder of the same files with noise"
    )
    parser.add_argument(
        "--output", required=True, help="receives scores.json and enhanced/"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--workers", type=int, help="processes that score; default: all CPUs"
    )
    parser.add_argument(
        "--metrics",
        help="names with commas between them, such as pesq,stoi,composite,"
        "dnsmos; default: all",
    )
    parser.add_argument(
        "--scores-cache",
        metavar="FILE",
        help="keep scores in this file, and take from it those of files that "
        "were scored before; default: scores.jsonl in the output",
    )
    parser.add_argument(
        "--wer",
        metavar="RECOGNISER",
        help="also score the word error rate: folder or hub id of a "
        "SpeechBrain EncoderDecoderASR; its YAML is executed",
    )
    parser.add_argument(
        "--words",
        help="what is said: a folder of text files, a JSON file, or a file "
        "with a name and its words on each line",
    )


def _evaluate(arguments: argparse.Namespace) -> str:
    from dispatch_sb.scoring import format_table
    from dispatch_sb.scoring.evaluation import evaluate_folders

    names = ("revision", "device", "workers", "wer", "words", "metrics")
    options = {name: getattr(arguments, name) for name in names}
    scores = evaluate_folders(
        arguments.model,
        arguments.clean,
        arguments.noisy,
        arguments.output,
        scores_cache=arguments.scores_cache,
        **options,
    )
    return format_table(scores)


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
