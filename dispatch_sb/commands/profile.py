"""`dispatch-sb profile`: how large and how fast models are.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.model_option import add_trust_argument


def _profile_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        help="folder of a model of dispatch-sb or of a run, or a hub id; "
        "without it, all networks in all sizes",
    )
    sizes = [*"TBSML", "small", "medium", "published"]
    add("--size", choices=sizes, help="one size only")
    add(
        "--seconds",
        type=float,
        default=10.0,
        help="length of the signal that the speed is measured on (10)",
    )
    add(
        "--runs",
        type=int,
        default=5,
        help="the real-time factor is the median of so many runs (5)",
    )
    add_trust_argument(parser)


def _profile(arguments: argparse.Namespace) -> str:
    from dispatch_sb.models import costs
    from dispatch_sb.models.families import FAMILIES

    if arguments.model and arguments.size:
        raise ValueError("Give a model or --size, not both.")
    if arguments.model:
        model = _open(arguments.model, arguments.trust_remote_code)
        models = {arguments.model: model}
    else:
        models = {
            f"{name}-{size}": build(size)
            for name, build, sizes in FAMILIES.values()
            for size in sizes
            if arguments.size in (None, size)
        }
    profiles = [
        costs.profile_model(model, name, arguments.seconds, arguments.runs)
        for name, model in models.items()
    ]
    return costs.format_profiles(profiles)


def _open(source: str, trusted: bool):
    """A model whose latency is known."""
    from dispatch_sb.pretrained import load

    model = load(source, trust_remote_code=trusted)
    if not hasattr(model, "latency"):
        raise ValueError(
            f"{source} does not state its latency: only models of "
            "dispatch-sb have a profile."
        )
    return model


COMMAND = Command(
    "profile",
    "parameters, MACs per second and speed of models",
    _profile_arguments,
    _profile,
    examples="""\
  dispatch-sb profile
  dispatch-sb profile --size T
  dispatch-sb profile recipes/VoiceBank/pretrained/fastenhancer-b-16k""",
)
