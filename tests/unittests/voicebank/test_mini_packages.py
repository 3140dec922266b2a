"""Debian's packages, from apt without root or from files: what is wrong with
them is told with its name, and nothing is left of the attempt."""

import tarfile

import pytest
from mini_recipe import (
    damaged,
    mini_packages,
    mini_voicebank,
    write_deb,
    write_packages,
)

from dispatch_sb.data import sha256_of

FRENCH, GAME = "asterisk-core-sounds-fr-g722", mini_packages.GAME_PACKAGE


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    """Small packages, as files."""
    folder = tmp_path_factory.mktemp("debs")
    trees = write_packages(tmp_path_factory.mktemp("trees"))
    for name, package in trees.items():
        write_deb(folder / f"{name}_1%3a2.0_all.deb", package.folder)
    return folder


@pytest.fixture
def copies(debs, tmp_path):
    """The same in a folder of the test's own, as links."""
    folder = tmp_path / "debs"
    folder.mkdir()
    for file in debs.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program of our own in the place of one of Debian's."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    def write(name, script):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


def refused(folder, *sources):
    """What is said instead of building a corpus; nothing may be left."""
    with pytest.raises(mini_packages.PackageError) as error:
        mini_voicebank.prepare_mini(folder, sources)
    assert not folder.exists()
    return str(error.value)


def test_what_apt_complains_of_is_told(program, tmp_path):
    program(
        "apt-get",
        'case "$*" in *update*) echo "W: Failed to fetch http://x" >&2;; '
        '*) echo "E: Unable to locate package" >&2; exit 100;; esac',
    )
    message = refused(tmp_path / "mini")
    assert "Failed to fetch http://x; Unable to locate package" in message


def test_missing_package_lists_are_fetched_to_a_private_place(
    program, tmp_path, debs
):
    # As in a fresh container: no list, so nothing can be downloaded.
    lists = f"{tmp_path}/built/downloads/apt"
    script = f"""
    case "$*" in
      *Dir::State::lists={lists}*update*) touch {lists}/fetched;;
      *download*) [ -e {lists}/fetched ] || exit 100; cp {debs}/*.deb .;;
      *) exit 100;;
    esac"""
    program("apt-get", script)
    packages = mini_packages.get_packages([], tmp_path / "built")
    assert tuple(packages) == mini_packages.PACKAGES


def test_without_apt_the_other_ways_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    message = refused(tmp_path / "mini")
    for words in ("apt-get", f"{tmp_path / 'mini'} --from", "--data_folder"):
        assert words in message
    assert "--clean_folders" in message and "--noise_folders" in message


def test_files_of_packages_are_unpacked(program, copies, tmp_path):
    (french,), (game,) = (copies.glob(f"{n}_*") for n in (FRENCH, GAME))
    files = sorted(copies.iterdir())
    french = mini_packages.get_packages(files, tmp_path / "1")[FRENCH]
    assert french.version == "1:2.0"
    assert french.sha256 == sha256_of(copies / f"{FRENCH}_1%3a2.0_all.deb")
    assert french.find("usr/share/asterisk/sounds/fr_*")
    # A compression that Python lacks is left to dpkg.
    with tarfile.open(tmp_path / "data.tar", "w") as data:
        data.add(__file__, "usr/file")
    program("dpkg-deb", f"cat {tmp_path}/data.tar")
    content = game.read_bytes().replace(b"data.tar.xz ", b"data.tar.zst")
    game.unlink()
    game.write_bytes(content)
    packages = mini_packages.get_packages([copies], tmp_path / "2")
    assert packages[GAME].find("usr/file")


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "another file", "emptied"]
)
def test_a_damaged_package_is_refused(damage, copies, tmp_path):
    (file,) = copies.glob(f"{FRENCH}_*")
    content = damaged(file.read_bytes())[damage]
    file.unlink()
    file.write_bytes(content)
    assert str(file) in refused(tmp_path / "mini", copies)


def test_missing_doubled_and_other_packages_are_refused(copies, tmp_path):
    (french,), (game,) = (copies.glob(f"{n}_*") for n in (FRENCH, GAME))
    second = copies / f"{FRENCH}_3_all.deb"
    second.symlink_to(french)
    messages = [refused(tmp_path / "mini", copies)]
    for file in (french, second):
        file.unlink()
    messages += [refused(tmp_path / "mini", copies)]
    french.symlink_to(game.resolve())
    messages += [refused(tmp_path / "mini", copies)]
    for message in messages:
        assert FRENCH in message and GAME not in message


def test_an_archive_writes_nowhere_else(tmp_path):
    with tarfile.open(tmp_path / "data.tar", "w") as data:
        data.add(__file__, "../../outside")
    with pytest.raises(mini_packages.PackageError, match="outside"):
        mini_packages.extract(tmp_path / "data.tar", tmp_path / "a/b/c")
    assert not list(tmp_path.rglob("outside"))
