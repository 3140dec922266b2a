"""Speech becomes text: a pretrained SpeechBrain recogniser, and what it hears
in files, kept so that an interrupted evaluation goes on.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.parameter_transfer import Pretrainer
from tqdm import tqdm

from dispatch_sb.data import probe, read_audio, sha256_of
from dispatch_sb.data.freshness import digest
from dispatch_sb.pretrained.sources import Finder, open_source
from dispatch_sb.scoring.journal import ScoreJournal
from dispatch_sb.scoring.word_settings import WordErrorSettings

YAML = "hyperparams.yaml"
SAMPLE_RATE = 16000  # Hz


@dataclass(frozen=True)
class Recogniser:
    """A frozen SpeechBrain recogniser.

    Arguments
    ---------
    model : speechbrain.inference.ASR.EncoderDecoderASR
        On its device, in eval mode.
    settings : WordErrorSettings
        By which it was loaded, and is used.
    origin : dict
        Where it came from: ``source``, ``revision`` (a commit or None) and
        ``sha256``, of its YAML and of all files that were loaded.
    """

    model: torch.nn.Module
    settings: WordErrorSettings
    origin: dict[str, Any]

    def transcribe(self, signals: Sequence[np.ndarray]) -> list[str]:
        """What is said in some signals, recognised together.

        Arguments
        ---------
        signals : sequence of np.ndarray
            Waveforms ``[samples]`` of any lengths, float32, at 16 kHz;
            resampled if the recogniser has another rate.

        Returns
        -------
        list of str
            As the recogniser writes it.
        """
        normalise = self.model.audio_normalizer
        signals = [torch.from_numpy(signal)[:, None] for signal in signals]
        waves = [normalise(signal, SAMPLE_RATE) for signal in signals]
        padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
        lengths = torch.tensor([len(wave) for wave in waves])
        shares = lengths / padded.shape[1]
        texts, _ = self.model.transcribe_batch(padded, shares)
        return [str(text) for text in texts]


def load_recogniser(
    settings: WordErrorSettings, device: str = "cpu"
) -> Recogniser:
    """Loads a pretrained recogniser of SpeechBrain's ``EncoderDecoderASR``.

    Its ``hyperparams.yaml`` is executed, which may run any code: load only
    what you trust, and pin the revision.

    The result is that of ``EncoderDecoderASR.from_hparams``, but all files are
    of one commit, and of the folder itself where its YAML names the hub: a
    copy of a hub's recogniser needs no network. Random numbers are drawn as if
    nothing had been loaded.

    Arguments
    ---------
    settings : WordErrorSettings
        Which one; of a hub id without a revision, the newest commit.
    device : str
        Where it runs.

    Returns
    -------
    Recogniser
        Ready to transcribe.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or hub id, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not there yet.
    ValueError
        If the folder is no recogniser that the installed SpeechBrain can run.

    Example
    -------
    >>> load_recogniser(WordErrorSettings("no/such/folder"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/folder, ...
    """
    source, overrides = settings.source, dict(settings.overrides)
    find, commit = open_source(
        source, settings.revision, settings.savedir, "recogniser", [YAML]
    )
    path = find(YAML)
    if path is None:
        raise FileNotFoundError(
            f"The recogniser {source} has no {YAML}: give the folder of a "
            "SpeechBrain EncoderDecoderASR, or its hub id."
        )
    try:
        with _unchanged_randomness():
            model, files = _build(path, find, overrides, device)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The recogniser {source}: {error}") from error
    except Exception as error:  # YAML that is code raises anything
        raise ValueError(
            f"The recogniser {source} cannot be loaded as SpeechBrain's "
            f"EncoderDecoderASR ({type(error).__name__}: {error}): give the "
            "folder or hub id of one, for this version of SpeechBrain."
        ) from error
    content = digest([sha256_of(file) for file in [path, *files]])
    origin = {"source": str(source), "revision": commit, "sha256": content}
    return Recogniser(model, settings, origin)


def transcribe_files(
    recogniser: Recogniser,
    files: Mapping[str, str | os.PathLike],
    journal: str | os.PathLike,
    name: str = "speech",
) -> dict[str, str | dict[str, str]]:
    """What is said in files, similar lengths together.

    Arguments
    ---------
    recogniser : Recogniser
        From `load_recogniser`.
    files : Mapping
        By id, 16 kHz mono.
    journal : str or path
        JSON Lines file in which every batch is kept as it is done: called
        again, only batches that are not in it are recognised. The batches are
        the same then, so an interruption changes no transcript.
    name : str
        Shown in the progress bar.

    Returns
    -------
    dict
        By id, the transcript, or ``{"error": reason}`` where it failed.
    """
    kept, size = ScoreJournal(journal), recogniser.settings.batch_size
    found, lengths = {}, {}
    for key, path in files.items():
        try:
            lengths[key] = probe(path).samples
        except (OSError, ValueError) as error:
            found[key] = {"error": str(error)}
    order = sorted(lengths, key=lambda key: (lengths[key], key))
    starts = range(0, len(order), size)
    for start in tqdm(starts, f"transcribing: {name}", disable=None):
        keys = order[start : start + size]
        paths = [files[key] for key in keys]
        found.update(zip(keys, _kept_or_new(recogniser, paths, kept)))
    return {key: found[key] for key in files}


def _kept_or_new(recogniser, paths, kept) -> list:
    """The transcripts of a batch; kept if none of them failed."""
    overrides = dict(recogniser.settings.overrides)
    identity = [recogniser.origin["sha256"], overrides]
    entry = digest([identity, [sha256_of(path) for path in paths]])
    known = kept.get(entry, ("transcripts",))
    if known:
        return known["transcripts"]
    try:
        texts = recogniser.transcribe([read_audio(path) for path in paths])
    except Exception:  # one of them is unfit: which one?
        return [_try_one(recogniser, path) for path in paths]
    kept.add(entry, {"transcripts": texts})
    return texts


def _try_one(recogniser, path) -> str | dict[str, str]:
    """One transcript, or why there is none."""
    try:
        return recogniser.transcribe([read_audio(path)])[0]
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    except Exception as error:  # a foreign network raises anything
        return {"error": f"{type(error).__name__}: {error}"}


def _build(path: Path, find: Finder, overrides: dict, device: str) -> tuple:
    """The recogniser, and the files of its weights and tokenizer."""
    # Here, so that evaluation without recognition needs no sentencepiece.
    from speechbrain.inference.ASR import EncoderDecoderASR

    with open(path, encoding="utf-8") as stream:
        built = load_hyperpyyaml(stream, overrides)
    pretrainer = built["pretrainer"]
    files = _collect(pretrainer, find)
    pretrainer.load_collected()
    if str(device) == "cuda":  # SpeechBrain's interfaces expect its number
        device = f"cuda:{torch.cuda.current_device()}"
    options = {"device": str(device)}
    model = EncoderDecoderASR(built["modules"], built, options)
    return model, files


def _collect(pretrainer: Pretrainer, find: Finder) -> list[str]:
    """Tells a pretrainer where its files are; returns them."""
    elsewhere = []
    for name in filter(pretrainer.is_loadable, pretrainer.loadables):
        given = str(pretrainer.paths.get(name, f"{name}.ckpt"))
        file = find(given.rsplit("/", maxsplit=1)[-1])
        if file is None:
            elsewhere.append(given)
        else:
            pretrainer.add_paths({name: str(Path(file).absolute())})
    pretrainer.set_collect_in(None)  # nothing is copied or linked
    try:
        return list(pretrainer.collect_files().values())
    except Exception as error:  # its own search for what is elsewhere
        raise FileNotFoundError(
            f"{', '.join(elsewhere)} missing: copy what its YAML's pretrainer "
            f"names into its folder ({type(error).__name__})."
        ) from error


@contextlib.contextmanager
def _unchanged_randomness() -> Iterator[None]:
    """Random numbers go on afterwards as if nothing had been drawn or set."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)
