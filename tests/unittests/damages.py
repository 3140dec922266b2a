"""How files get damaged: bytes, JSON, and what is invented altogether.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import json

from hypothesis import strategies as st

HEAD = 256  # bytes at the beginning, where headers are, that are hit often
SIZES = [0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]
SIZES += [2**40, 2**60, 2**63 - 1, 2**63, 2**64 - 1]
DEEP = json.loads("[" * 100 + "]" * 100)
NUMBERS = [0, -1, 1, 3, 2**31, 2**63, 10**30, 10**400, 0.5, -0.0, 1e-308]
NUMBERS += [1e308, float("nan"), float("inf"), float("-inf")]
TEXTS = ["", " ", "\0", "a\nb", "../../x", "{", "{0}", "{data_root}", "\ud800"]
TEXTS += ["null", "ünï", "x" * 300, "!new:os.system", "<tag>", "1"]
OTHERS = [None, True, False, [], {}, [[]], {"a": 1}, [None], {"": None}, DEEP]
VALUES = [*NUMBERS, *TEXTS, *OTHERS]


def values():
    """What a key may hold that expects something else."""
    invented = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inside: (
            st.lists(inside, max_size=3)
            | st.dictionaries(st.text(max_size=5), inside, max_size=3)
        ),
        max_leaves=6,
    )
    return st.sampled_from(VALUES).map(copy.deepcopy) | invented


@st.composite
def damaged_bytes(draw, content, most=3):
    """Some bytes of a file changed, taken out, doubled, or the rest gone."""
    made = content
    for _ in range(draw(st.integers(1, most))):
        place = draw(_places(len(made)))
        made = draw(st.sampled_from(CHANGES))(draw, made, place)
    return made


def _places(size):
    """Where: near the beginning as often as anywhere."""
    return st.integers(0, min(HEAD, size)) | st.integers(0, size)


def _flip(draw, content, place):
    """One bit."""
    bit = 1 << draw(st.integers(0, 7))
    return bytes(
        byte ^ bit if at == place else byte for at, byte in enumerate(content)
    )


def _write(draw, content, place):
    """A number in place of what is there."""
    size = draw(st.sampled_from([1, 2, 4, 8]))
    number = draw(st.sampled_from(SIZES)) % 256**size
    new = number.to_bytes(size, draw(st.sampled_from(["little", "big"])))
    return content[:place] + new + content[place + size :]


def _zeros(draw, content, place):
    """A row of zeros, as a block that never reached the disk."""
    new = bytes(draw(st.integers(1, 64)))
    return (content[:place] + new + content[place + len(new) :])[: len(content)]


def _take_out(draw, content, place):
    """Some bytes are lost."""
    return content[:place] + content[place + draw(st.integers(1, 64)) :]


def _put_in(draw, content, place):
    """Some bytes too many, or twice."""
    new = draw(st.binary(min_size=1, max_size=16) | st.just(content[:16]))
    return content[:place] + new + content[place:]


def _cut(draw, content, place):
    """The end is gone."""
    return content[:place]


CHANGES = [_flip, _write, _zeros, _take_out, _put_in, _cut]


@st.composite
def damaged_tree(draw, tree, most=2):
    """A JSON value in which some keys or values are gone, moved or strange."""
    made = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, most))):
        made = _changed(draw, made)
    return made


def _changed(draw, tree):
    """The tree with one change, at a place drawn by walking down."""
    nodes = [(None, None, tree)]
    for _, _, node in nodes:  # grows while it is gone through
        keys = node if isinstance(node, dict) else ()
        keys = range(len(node)) if isinstance(node, list) else keys
        nodes += [(node, key, node[key]) for key in keys]
    above, key, node = draw(st.sampled_from(nodes))
    change = draw(st.sampled_from(["replace", "remove", "nest", "rename"]))
    if above is None:
        return draw(values()) if change == "replace" else tree
    if change == "replace":
        above[key] = draw(values())
    elif change == "remove":
        del above[key]
    elif change == "nest":
        above[key] = {key: node} if draw(st.booleans()) else [node]
    elif isinstance(above, dict):
        name = draw(st.sampled_from(TEXTS[:-1]) | st.text(max_size=8))
        above[name] = above.pop(key)
    return tree


def as_json(tree):
    """Its text, lone surrogates, NaN and all."""
    return json.dumps(tree, indent=1).encode()


def damaged_json(tree):
    """A JSON file in which values are strange, a key stands twice, or bytes
    are damaged, or one that is invented."""
    content = as_json(tree)

    def twice(value):
        text = json.dumps(value)
        name = json.dumps(next(iter(tree)))
        return b"{" + f"{name}: {text},".encode() + content.strip()[1:]

    trees = damaged_tree(tree).map(as_json)
    return st.one_of(
        trees,
        trees,
        damaged_bytes(content),
        values().map(twice),
        values().map(as_json),
        st.binary(max_size=64),
        st.just(b"[" * 100000),
    )
