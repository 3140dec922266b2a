"""A push changes what differs, and nothing that was not asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib

import pytest

from dispatch_sb.publish.push_hub import Remote
from dispatch_sb.publish.push_plan import (
    Plan,
    check_allowed,
    compare,
    format_plan,
)

HEAD = "1" * 40
OURS = {".gitattributes": "0"}


@pytest.fixture
def files(tmp_path):
    """Two files to push."""
    (tmp_path / "a.txt").write_bytes(b"hello\n")
    (tmp_path / "b.bin").write_bytes(b"x" * 1500)
    return {name: tmp_path / name for name in ("a.txt", "b.bin")}


@pytest.fixture
def there(files):
    """The same files by the names that the hub gives them."""
    return {
        # What `git hash-object` prints for "hello\n".
        "a.txt": "ce013625030ba8dba906f756967f9e9ca394464a",
        "b.bin": hashlib.sha256(b"x" * 1500).hexdigest(),
        **OURS,
    }


def test_what_is_there_is_not_committed_again(files, there):
    plan = compare(files, Remote(HEAD, files=there))
    assert (plan.new, plan.changed, plan.kept) == ((), (), ())
    assert plan.to_commit == () and plan.size == 0


def test_new_changed_and_kept(files, there):
    changed = {**there, "b.bin": "f" * 64, "c.txt": "2" * 40}
    del changed["a.txt"]
    plan = compare(files, Remote(HEAD, files=changed))
    assert plan.new == ("a.txt",)
    assert plan.changed == ("b.bin",)
    assert plan.kept == ("c.txt",)
    assert plan.size == 1506


def test_the_list_says_all(files):
    text = format_plan(Plan(files, new=("b.bin",), kept=("c.txt",)))
    lines = [line.split() for line in text.splitlines()]
    assert lines == [
        ["unchanged", "6.00B", "a.txt"],
        ["new", "1.50kB", "b.bin"],
        ["kept", "c.txt"],
        ["1", "file", "to", "commit,", "1.50kB."],
    ]


def allowed(files, remote, **options):
    """Whether a push is allowed, with what it says if not."""
    try:
        check_allowed("lab/x", remote, compare(files, remote), **options)
    except (ValueError, OSError) as error:
        return str(error)
    return True


def test_a_free_name_is_created_but_not_updated(files):
    assert allowed(files, Remote()) is True
    assert "leave out --update" in allowed(files, Remote(), update=True)


def test_what_an_interrupted_push_left_goes_on(files, there):
    assert allowed(files, Remote(HEAD, files=OURS)) is True
    assert allowed(files, Remote(HEAD, files=there)) is True


@pytest.mark.parametrize("more", [{"c.txt": "2" * 40}, {"a.txt": "3" * 40}])
def test_other_files_are_another_model(files, there, more):
    other = Remote(HEAD, files={**there, **more})
    assert "lab/x exists" in allowed(files, other)
    assert allowed(files, other, update=True) is True


@pytest.mark.parametrize("public", [True, False])
def test_going_on_does_not_change_who_sees_it(files, public):
    left = Remote(HEAD, private=public, files=OURS)
    remedy = "leave out --public" if public else "add --public"
    assert remedy in allowed(files, left, public=public)
    assert allowed(files, left, public=not public) is True


def test_an_update_may_be_of_a_public_model(files, there):
    open_model = Remote(HEAD, private=False, files={**there, "c": "2" * 40})
    assert allowed(files, open_model, update=True) is True


def test_a_tag_stays_where_it_is(files, there):
    done = Remote(HEAD, files=there, tags={"v1": HEAD, "v0": "5" * 40})
    assert allowed(files, done, tag="v1") is True
    assert allowed(files, done, tag="v2") is True
    assert "has a tag v0 already" in allowed(files, done, tag="v0")
    older = Remote(HEAD, files={**there, "a.txt": "4" * 40}, tags={"v1": HEAD})
    assert "choose another" in allowed(files, older, update=True, tag="v1")
