"""Makes the virtual environment of `make setup`: torch first, then the rest.

Run by any Python; needs nothing but the standard library. A second run that
finds everything in place does nothing.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 10), (3, 13)
EVERYTHING = "dev"  # the extra of setup.py that holds all others
CPU_TORCH = (
    'TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"'
)
# What the environment's own Python tells about itself.
FACTS = """
import importlib.metadata, importlib.util, json, os, shlex, shutil, sysconfig
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
header = os.path.join(sysconfig.get_path("include"), "Python.h")
print(json.dumps({
    "python": sysconfig.get_python_version(),
    "pip": importlib.util.find_spec("pip") is not None,
    "torch": version("torch"),
    "pesq": version("pesq"),
    "compiler": shutil.which(shlex.split(compiler)[0]) is not None,
    "headers": os.path.exists(header),
}))
"""


class SetupError(RuntimeError):
    """A reason why set-up cannot go on, with the remedy."""


def say(message):
    """Tells what is being done, at once even through a pipe."""
    print(f"[setup] {message}", flush=True)


def run(command, remedy, **options):
    """Runs a command; its failure becomes a SetupError with the remedy."""
    command = [str(part) for part in command]
    try:
        return subprocess.run(command, check=True, text=True, **options).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        details = (getattr(error, "stderr", None) or str(error)).strip()
        raise SetupError(
            f"`{' '.join(command)}` failed: {details}\n{remedy}"
        ) from error


def check_python(version):
    """Refuses a Python that the dependencies do not support."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise SetupError(
            f"dispatch-sb needs Python {'.'.join(map(str, OLDEST))} to "
            f"{'.'.join(map(str, NEWEST))}, and this is "
            f"{'.'.join(map(str, version[:2]))}. Name another: "
            "make setup PYTHON=python3.11"
        )


def oldest_torch():
    """Reads the smallest torch that setup.py accepts."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    return re.search(r'"torch>=([\d.]+)', text).group(1)


def is_older(version, limit):
    """Compares the numbers of two versions, leaving `+cpu` and the like out."""
    numbers = [re.findall(r"\d+", v.split("+")[0]) for v in (version, limit)]
    ours, theirs = ([int(n) for n in parts] for parts in numbers)
    return ours < theirs


def facts(python):
    """Asks an environment's Python what it is and what it has."""
    return json.loads(
        run(
            [python, "-c", FACTS],
            "Remove the environment and try again.",
            stdout=subprocess.PIPE,
        )
    )


def debian_package(name, folder):
    """Unpacks a Debian package into a folder, as any user.

    The package lists of the machine are tried first; where there are none,
    they are fetched into the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lists = folder / "lists"
    lists.mkdir(exist_ok=True)
    own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={lists}"]
    quiet = {"cwd": folder, "capture_output": True}
    for options in ([], own):
        try:
            if options:
                run(["apt-get", *options, "update"], "", **quiet)
            run(["apt-get", *options, "download", name], "", **quiet)
            break
        except SetupError:
            if options:
                raise
    archive = next(folder.glob(f"{name}_*.deb"))
    run(["dpkg-deb", "-x", archive, folder], "", **quiet)
    shutil.rmtree(lists)
    archive.unlink()


def add_pip(venv, python):
    """Puts pip into an environment whose Python came without `ensurepip`."""
    say(
        "This Python has no ensurepip; taking pip from Debian's package "
        "python3-pip-whl."
    )
    folder = venv / "debian"
    remedy = "Remedy: sudo apt install python3-venv, then make setup again."
    try:
        debian_package("python3-pip-whl", folder)
    except SetupError as error:
        raise SetupError(f"This Python cannot make a venv. {remedy}") from error
    wheel = next(folder.glob("usr/share/python-wheels/pip-*.whl"))
    offline = ["install", "--quiet", "--no-index", wheel]
    run([python, wheel / "pip", *offline], remedy)


def make_venv(venv):
    """Makes the environment; a torch that the base Python has is shared."""
    check_python(sys.version_info)
    torch = facts(sys.executable)["torch"]
    share = bool(torch) and not is_older(torch, oldest_torch())
    options = ["--system-site-packages"] if share else []
    if importlib.util.find_spec("ensurepip") is None:
        options.append("--without-pip")
    about = f", sharing torch {torch} of {sys.executable}" if share else ""
    say(f"Making {venv.name}{about}.")
    remedy = "Remedy: sudo apt install python3-venv, then make setup again."
    run([sys.executable, "-m", "venv", "--clear", *options, venv], remedy)


def c_headers(venv, about):
    """Makes sure that C extensions compile; returns variables they need."""
    remedy = "Remedy: sudo apt install gcc python3-dev, then make setup again."
    if about["pesq"]:
        return {}
    if not about["compiler"]:
        raise SetupError(
            f"pesq is compiled from C, and no compiler is here. {remedy}"
        )
    if about["headers"]:
        return {}
    package = f"libpython{about['python']}-dev"
    say(
        f"This Python came without Python.h; taking it from Debian's {package}."
    )
    folder = venv / "debian"
    try:
        debian_package(package, folder)
    except SetupError as error:
        raise SetupError(f"pesq needs Python.h to compile. {remedy}") from error
    include = folder / "usr" / "include"
    paths = [include / f"python{about['python']}", include]
    return {"CPATH": os.pathsep.join(map(str, paths))}


def install(python, extras, torch, about, variables):
    """Installs torch if there is none, then the package in editable mode."""
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    remedy = "Remedy: see pip's message above; a network is needed once."
    if about["torch"] is None:
        say(f"Installing {torch}. (Without an NVIDIA GPU the CPU build is far")
        say(f"smaller: make setup {CPU_TORCH})")
        run([*pip, *torch.split()], remedy)
        about = facts(python)
    else:
        say(f"Keeping torch {about['torch']}.")
    if is_older(about["torch"], oldest_torch()):
        raise SetupError(
            f"torch {about['torch']} is older than {oldest_torch()}, and "
            "set-up never replaces a torch. Remedy: upgrade it in "
            f"{python}, or `make clean`."
        )
    keep = Path(python).parent.parent / "keep-torch.txt"
    keep.write_text(f"torch=={about['torch']}\n", encoding="utf-8")
    say("Installing what setup.py lists (a minute or two).")
    package = ["--editable", f"{ROOT}[{extras}]"]
    environment = dict(os.environ, **variables)
    run([*pip, "-q", "-c", keep, *package], remedy, env=environment)


def fingerprint(venv, extras):
    """Changes whenever set-up has to run again, a moved folder included."""
    parts = [str(venv), extras]
    for name in ("setup.py", "tools/setup_env.py"):
        parts.append((ROOT / name).read_text(encoding="utf-8"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def works(python):
    """Tells whether an environment's Python starts at all."""
    try:
        facts(python)
    except SetupError:
        return False
    return True


def is_done(venv, extras):
    """Whether what is asked for was installed, or everything was."""
    return any(
        stamp_of(venv, done).exists()
        and stamp_of(venv, done).read_text() == fingerprint(venv, done)
        for done in (extras, EVERYTHING)
    )


def stamp_of(venv, extras):
    """The file that a finished set-up leaves."""
    return venv / f"setup-done-{extras.replace(',', '-')}.txt"


def set_up(venv, torch, extras):
    """Brings the environment to what setup.py asks for."""
    python = venv / "bin" / "python"
    if is_done(venv, extras) and works(python):
        say(f"{venv.name} is ready; nothing to do.")
        return
    if not works(python):
        make_venv(venv)
    about = facts(python)
    check_python([int(part) for part in about["python"].split(".")])
    if not about["pip"]:
        add_pip(venv, python)
    variables = c_headers(venv, about)
    install(python, extras, torch, about, variables)
    run([python, "-m", "dispatch_sb.cli", "doctor", "--fix"], "See above.")
    stamp_of(venv, extras).write_text(fingerprint(venv, extras))
    say(f"{venv.name} is ready.")


def main():
    """Parses the command line that the Makefile gives."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--venv", default=".venv", help="where it is made")
    parser.add_argument("--torch", default="torch==2.13.0", help="for pip")
    parser.add_argument("--extras", default=EVERYTHING, help="of setup.py")
    arguments = parser.parse_args()
    try:
        set_up((ROOT / arguments.venv), arguments.torch, arguments.extras)
    except SetupError as error:
        sys.exit(f"[setup] {error}")


if __name__ == "__main__":
    main()
