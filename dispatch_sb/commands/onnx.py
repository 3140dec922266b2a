"""`dispatch-sb onnx`: a model becomes one ONNX file that streams.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from dispatch_sb.commands.command import described


def _onnx(
    model, output, revision, audio, name, licence, keep, trust_remote_code
) -> str:
    from dispatch_sb.data import read_audio
    from dispatch_sb.enhance import NoiseFloor
    from dispatch_sb.pretrained import load
    from dispatch_sb.sharing.onnx_file import card_and_example, write_onnx

    path = Path(output)
    if path.suffix != ".onnx" or path.is_dir():
        raise ValueError(f"{path} must be a file and end with .onnx.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} does not exist: make it first."
        )
    NoiseFloor(keep)  # what is wrong with it, now
    network = load(model, revision, trust_remote_code=trust_remote_code)
    card, example = card_and_example(model, revision)
    audio = audio or example
    if audio is None:
        raise ValueError(
            f"No example of {model} is here: give --audio, a file of noisy "
            "speech that the ONNX file is checked on."
        )
    content, difference = write_onnx(
        network,
        path,
        read_audio(audio, network.sample_rate),
        name or card.model_name or Path(model).resolve().name,
        licence or card.license or "not stated",
        keep,
    )
    return (
        f"{path}: {len(content):,} bytes; differs from torch by at most "
        f"{difference:.1e} on {audio}."
    )


COMMAND = described("onnx", _onnx)
