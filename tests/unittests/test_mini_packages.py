"""Debian's packages without root: what apt says is told, missing package
lists are fetched to a private place."""

import pytest
from mini_recipe import mini_packages

from dispatch_sb.data import sha256_of


def fake_apt(folder, monkeypatch, script):
    """Puts a program of our own in apt-get's and dpkg-deb's place."""
    for name in ("apt-get", "dpkg-deb"):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_what_apt_complains_of_is_told(tmp_path, monkeypatch):
    script = (
        'case "$*" in *update*) echo "W: Failed to fetch http://x" >&2;; '
        '*) echo "E: Unable to locate package" >&2; exit 100;; esac'
    )
    fake_apt(tmp_path, monkeypatch, script)
    with pytest.raises(mini_packages.PackageError) as error:
        mini_packages.fetch_packages(tmp_path / "work", ["hello"])
    expected = "Failed to fetch http://x; Unable to locate package. It is"
    assert expected in str(error.value)


def test_missing_package_lists_are_fetched_to_a_private_place(
    tmp_path, monkeypatch
):
    # As in a fresh container: no list, so nothing can be downloaded.
    script = f"""
    case "$*" in
      *"-f"*) echo 2.0;;
      *"-x"*) mkdir -p "$3";;
      *Dir::State::lists={tmp_path}*update*) touch {tmp_path}/lists;;
      *download*) [ -e {tmp_path}/lists ] || exit 100; echo x > hello_2.deb;;
      *) exit 100;;
    esac"""
    fake_apt(tmp_path, monkeypatch, script)
    found = mini_packages.fetch_packages(tmp_path / "work", ["hello"])
    assert found["hello"].version == "2.0"
    assert found["hello"].sha256 == sha256_of(
        tmp_path / "work/downloads/hello_2.deb"
    )
    assert found["hello"].folder.is_dir()
