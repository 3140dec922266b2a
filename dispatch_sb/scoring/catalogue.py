"""What each metric is called, how it is shown, and which flavour it is.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Metric:
    """How a metric is shown.

    Arguments
    ---------
    label : str
        Name in tables, at most 11 characters.
    decimals : int
        Digits behind the point in tables.
    worst : float
        Bottom of its scale: what validation reports if no file has a score.
    flavour : str
        Which implementation and convention it follows; packages in braces
        get their version. Empty if that is known only when it is computed.
    higher_is_better : bool
        Whether a larger value is a better one.

    Example
    -------
    >>> CATALOGUE["pesq"].label
    'PESQ-WB'
    """

    label: str
    decimals: int
    worst: float
    flavour: str = ""
    higher_is_better: bool = True


_PESQ = "PESQ-WB: ITU-T P.862.2 without Corrigendum 2 ({pesq})"
_SI_SDR = "SI-SDR: Le Roux et al. 2019, mean removed, in dB"
_SEGMENTAL = (
    "SegSNR: 30 ms frames limited to -10..35 dB, no rescaling (composite.m)"
)
_HU_LOIZOU = (
    "CSIG, CBAK, COVL: Hu & Loizou 2008 (composite.m) with PESQ-WB, "
    "limited to 1-5"
)
_DNSMOS = "DNSMOS: P.835, not personalised, the model of {speechmos}"
CATALOGUE = {
    "pesq": Metric("PESQ-WB", 2, 1.0, _PESQ),
    "stoi": Metric("STOI", 3, 0.0, "STOI: Taal et al. 2011 ({pystoi})"),
    "estoi": Metric("ESTOI", 3, 0.0, "ESTOI: Jensen and Taal 2016 ({pystoi})"),
    "si_sdr": Metric("SI-SDR (dB)", 2, -100.0, _SI_SDR),
    "segmental_snr": Metric("SegSNR (dB)", 2, -10.0, _SEGMENTAL),
    "csig": Metric("CSIG", 2, 1.0, _HU_LOIZOU),
    "cbak": Metric("CBAK", 2, 1.0, _HU_LOIZOU),
    "covl": Metric("COVL", 2, 1.0, _HU_LOIZOU),
    "dnsmos_sig": Metric("DNSMOS SIG", 2, 1.0, _DNSMOS),
    "dnsmos_bak": Metric("DNSMOS BAK", 2, 1.0, _DNSMOS),
    "dnsmos_ovrl": Metric("DNSMOS OVRL", 2, 1.0, _DNSMOS),
    "wer": Metric("WER (%)", 1, 100.0, higher_is_better=False),
}
# Word error rates need a recogniser and transcripts, see
# `dispatch_sb.scoring.word_errors`; all others a pair of signals.
ALL = tuple(name for name in CATALOGUE if name != "wer")
COMPOSITE = ("csig", "cbak", "covl")
DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl")
GROUPS = {"composite": COMPOSITE, "dnsmos": DNSMOS}


def chosen_metrics(choice: str | Sequence[str] | None) -> tuple[str, ...]:
    """Read which metrics a user wants.

    Arguments
    ---------
    choice : str or sequence of str or None
        Names, of `ALL` or of `GROUPS`; a text has commas between them. None
        means all.

    Returns
    -------
    tuple of str
        Names, in the order of `ALL`, each once.

    Raises
    ------
    ValueError
        If a name is unknown, or there is none.

    Example
    -------
    >>> chosen_metrics("stoi, pesq, dnsmos")
    ('pesq', 'stoi', 'dnsmos_sig', 'dnsmos_bak', 'dnsmos_ovrl')
    """
    if choice is None:
        return ALL
    if isinstance(choice, str):
        choice = [name.strip() for name in choice.split(",") if name.strip()]
    names = [n for name in choice for n in GROUPS.get(name, (name,))]
    check_metrics(tuple(names))
    if not names:
        raise ValueError(
            f"metrics is empty: choose among {', '.join((*ALL, *GROUPS))}, "
            "or give null for all"
        )
    return tuple(name for name in ALL if name in names)


def check_metrics(metrics: tuple[str, ...]) -> None:
    """Refuse names that are no metric of a pair of signals.

    Arguments
    ---------
    metrics : tuple of str
        Names, of `ALL`.

    Raises
    ------
    ValueError
        Naming the unknown ones and all that exist.

    Example
    -------
    >>> check_metrics(("pesq", "stoi"))
    """
    unknown = [name for name in metrics if name not in ALL]
    if unknown:
        raise ValueError(
            f"unknown metrics {', '.join(map(str, unknown))}: "
            f"choose among {', '.join((*ALL, *GROUPS))}"
        )


def flavours(metrics: tuple[str, ...] = ALL) -> dict[str, str]:
    """Say which implementation and convention each metric follows.

    Arguments
    ---------
    metrics : tuple of str
        Names, of `ALL`.

    Returns
    -------
    dict
        Metric name to one line.

    Example
    -------
    >>> flavours(("pesq",))["pesq"].split(" (")[0]
    'PESQ-WB: ITU-T P.862.2 without Corrigendum 2'
    """
    packages = ("pesq", "pystoi", "speechmos")
    versions = {package: _versioned(package) for package in packages}
    return {
        name: CATALOGUE[name].flavour.format(**versions) for name in metrics
    }


def _versioned(package):
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package}, not installed"
