"""One visit without the page: a recording goes in; what student and teacher
make of it, the maps and the scores come out.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from dataclasses import dataclass, field

import numpy as np

from dispatch_sb.demo.followed import Followed, followed
from dispatch_sb.demo.models import Models, enhance
from dispatch_sb.demo.recording import fit_clean, read_recording
from dispatch_sb.enhance import NoiseFloor
from dispatch_sb.report.gap import BandMap, band_maps, knowledge_gap
from dispatch_sb.scoring.pair import score_pair

METRICS = ("pesq", "stoi", "si_sdr")


@dataclass
class Listening:
    """What there is to hear and to see.

    Arguments
    ---------
    signals : dict
        Waveforms `[samples]` of noisy, student, and those of teacher and
        clean that there are; equally long.
    sample_rate : int
        In Hz.
    seconds : dict
        How long student and teacher took, in s.
    notes : list of str
        What was converted, in sentences.
    followed : Followed or None
        Where the teacher was followed; None without a teacher.
    gap : list of BandMap or None
        The knowledge gap against the clean speech; None without teacher or
        clean.
    scores : dict
        Metrics of noisy, student and teacher; empty without clean.
    """

    signals: dict[str, np.ndarray]
    sample_rate: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    followed: Followed | None = None
    gap: list[BandMap] | None = None
    scores: dict[str, dict] = field(default_factory=dict)


def listen(
    models: Models,
    noisy: str | os.PathLike | None,
    clean: str | os.PathLike | None = None,
    keep: float | str | None = None,
) -> Listening:
    """Enhances a recording and compares the results.

    Arguments
    ---------
    models : Models
        Student, perhaps teacher, and loss.
    noisy : str, os.PathLike or None
        The recording, any format that libsndfile reads.
    clean : str, os.PathLike or None
        The same recording without noise, if there is one.
    keep : float or str, optional
        How much of the noise stays in what is heard and scored, see
        `NoiseFloor`; the maps are of the networks alone.

    Returns
    -------
    Listening
        Whatever can be computed of what was given.

    Raises
    ------
    ValueError
        If a file cannot be used, or none was given: the reason in a sentence.
    """
    floor = NoiseFloor(keep)
    if noisy is None:
        raise ValueError("There is no recording yet: drop or record one first.")
    rate = models.sample_rate
    recording = read_recording(noisy, rate, "recording")
    signal, clean_signal = recording.samples, None
    result = Listening({}, rate, notes=[*recording.notes, *models.notes])
    if clean is not None:
        reference = read_recording(clean, rate, "clean recording")
        result.notes += reference.notes
        signal, clean_signal = fit_clean(signal, reference.samples, rate)
    result.signals["noisy"] = signal
    for name, network in models.networks.items():
        result.signals[name], result.seconds[name] = enhance(
            network, signal, name
        )
    if "teacher" in models.networks:
        result.followed = followed(models.loss, result.signals)
        if clean_signal is not None:
            trio = {**result.signals, "clean": clean_signal}
            detail = knowledge_gap(models.loss, trio)
            result.gap = band_maps(models.loss, detail)
    for name in models.networks:
        result.signals[name] = floor(result.signals[name], signal)
    if floor.gain:
        result.notes.append(
            f"Noise stays at {floor.keep:g} dB in what you hear and in the "
            "scores; the maps show the models alone."
        )
    if clean_signal is not None:
        result.scores = {
            name: score_pair(clean_signal, enhanced, rate, METRICS)
            for name, enhanced in result.signals.items()
        }
        result.signals["clean"] = clean_signal
    return result
