"""Debian's packages, from apt without root or from files: what is wrong with
them is told with its name, and nothing is left of the attempt."""

import tarfile

import pytest
from mini_recipe import damaged, mini_packages, mini_voicebank, write_debs

from dispatch_sb.data import sha256_of

FRENCH, GAME = "asterisk-core-sounds-fr-g722", mini_packages.GAME_PACKAGE


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    """Small packages, as files."""
    return write_debs(tmp_path_factory.mktemp("packages"))


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


def test_files_and_folders_of_packages_are_unpacked(debs, tmp_path):
    (game,) = debs.glob(f"{GAME}_*")
    packages = mini_packages.get_packages([debs], tmp_path)
    assert packages[GAME].version == "1:2.0"
    assert packages[GAME].sha256 == sha256_of(game)
    assert packages[GAME].find(f"{mini_packages.GAME_FOLDER}/fire")
    again = mini_packages.get_packages(sorted(debs.iterdir()), tmp_path / "2")
    assert [p.sha256 for p in again.values()] == [
        p.sha256 for p in packages.values()
    ]


def test_a_compression_that_python_lacks_is_left_to_dpkg(
    program, copies, tmp_path
):
    (game,) = copies.glob(f"{GAME}_*")
    with tarfile.open(tmp_path / "data.tar", "w") as data:
        data.add(__file__, "usr/file")
    program("dpkg-deb", f"cat {tmp_path}/data.tar")
    content = game.read_bytes().replace(b"data.tar.xz ", b"data.tar.zst")
    game.unlink()
    game.write_bytes(content)
    packages = mini_packages.get_packages([copies], tmp_path / "work")
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
    (copies / f"{FRENCH}_3_all.deb").symlink_to(french)
    message = refused(tmp_path / "mini", copies)
    assert FRENCH in message and GAME not in message
    french.unlink()
    (copies / f"{FRENCH}_3_all.deb").unlink()
    message = refused(tmp_path / "mini", copies)
    assert FRENCH in message and GAME not in message
    french.symlink_to(game.resolve())
    message = refused(tmp_path / "mini", copies)
    assert FRENCH in message and "fr_??_*" in message


def test_an_archive_writes_nowhere_else(tmp_path):
    with tarfile.open(tmp_path / "data.tar", "w") as data:
        data.add(__file__, "../../outside")
    with pytest.raises(mini_packages.PackageError, match="outside"):
        mini_packages.extract(tmp_path / "data.tar", tmp_path / "a/b/c")
    assert not list(tmp_path.rglob("outside"))
