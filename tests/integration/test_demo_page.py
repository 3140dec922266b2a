"""The demo page in headless Chromium: a real file goes in, three players, the
pictures and the maps come out, and nothing goes to any other address."""

import importlib.util
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from dispatch_sb.demo import gradio_page
from dispatch_sb.demo.gradio_page import build_page, serve
from dispatch_sb.demo.models import Models, usual_loss
from dispatch_sb.demo.sample_recording import Example
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load

ROOT = Path(__file__).resolve().parents[2]
PRETRAINED = ROOT / "recipes/VoiceBank/pretrained/fastenhancer-b-16k"
SPEECH = PRETRAINED / "example.wav"  # 3.84 s
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)
PLAYERS = "[...document.querySelectorAll('#results audio')]"
pytestmark = pytest.mark.browser


def browser_path():
    """Chromium's path; `-m "not browser"` leaves these tests out."""
    place = ROOT / "tools" / "find_browser.py"
    spec = importlib.util.spec_from_file_location("find_browser", place)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    path = tool.find(os.environ)
    if path is None:
        raise FileNotFoundError(tool.REMEDY)
    return path


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of an untrained student and the pretrained teacher, whose
    example has a clean version: the teacher's own output."""
    torch.manual_seed(8)
    teacher = load(PRETRAINED)
    networks = {"student": FastEnhancer.from_size("T").eval()}
    networks["teacher"] = teacher
    sources = {"student": "organisation/small", "teacher": str(PRETRAINED)}
    models = Models(networks, 16000, usual_loss(), sources)
    noisy = soundfile.read(SPEECH, dtype="float32")[0]
    with torch.no_grad():
        clean = teacher(torch.from_numpy(noisy)[None])[0].numpy()
    path = tmp_path_factory.mktemp("example") / "clean.wav"
    soundfile.write(path, clean, 16000)
    example = Example(SPEECH, path, "that of a test.")
    page = build_page(models, example)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio_page, "LARGEST", "1mb")
        yield serve(page, browser=False, example=example)
    page.close(verbose=False)


@pytest.fixture(scope="module")
def chromium():
    """A browser, started once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=QUIET.split()
        )
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, address):
    """A page that was opened; what went wrong in it fails the test."""
    context = chromium.new_context(
        viewport={"width": 1200, "height": 900}, permissions=["microphone"]
    )
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda line: line.type == "error" and problems.append(line.text),
    )
    page.on("request", lambda request: outside(request, address, problems))
    page.on("requestfailed", lambda request: failed(request, problems))
    page.on(
        "response",
        lambda answer: (
            answer.status >= 400 and problems.append(f"{answer.status}")
        ),
    )
    page.goto(address)
    page.wait_for_selector("#go")
    yield page
    context.close()
    assert problems == []


def outside(request, address, problems):
    """Notes a request to anywhere else."""
    if not request.url.startswith((address, "data:", "blob:")):
        problems.append(f"outside: {request.url[:200]}")


def failed(request, problems):
    """Notes a request that failed; Gradio itself ends its stream of events,
    and a player its loading, by aborting."""
    if "ERR_ABORTED" not in str(request.failure):
        problems.append(f"failed: {request.url[:200]} {request.failure}")


def upload(tab, path):
    """Drops a file on the page and waits until it has arrived."""
    with tab.expect_response(lambda answer: "/upload?" in answer.url):
        tab.set_input_files("#noisy input[type=file]", path)
    tab.wait_for_selector('#noisy button[aria-label="Clear"]')


def durations(tab, count):
    """Waits for so many players and returns how long each plays, in s."""
    ready = f"{PLAYERS}.filter(a => a.duration > 0).length == {count}"
    tab.wait_for_function(ready)
    return tab.evaluate(f"{PLAYERS}.map(a => a.duration)")


def picture(tab, selector, path):
    """What the browser has drawn there, as grey levels `[rows, columns]`."""
    tab.locator(selector).first.screenshot(path=path)
    return np.asarray(Image.open(path).convert("L"), dtype=float)


def test_a_file_is_heard_and_seen(tab, tmp_path):
    upload(tab, SPEECH)
    tab.click("#go")
    assert durations(tab, 3) == pytest.approx([3.84] * 3, abs=0.01)
    captions = tab.locator("#results figcaption b").all_inner_texts()
    assert captions == ["Noisy", "Student", "Teacher"]
    pictures = [
        picture(tab, f"#results svg >> nth={n}", tmp_path / "a.png")
        for n in range(3)
    ]
    assert all(shown.std() > 20 for shown in pictures)
    assert np.abs(pictures[0] - pictures[2]).mean() > 5  # noise is gone
    maps = tab.locator('#results svg[aria-label^="Where the teacher was"]')
    assert maps.count() == 2
    assert tab.locator("#results table").count() == 0
    level = tab.locator("#keep input, #keep textarea")
    for value, told in ("-12dB", "stays at -12 dB"), ("3", "0 or less"):
        level.fill(value)
        tab.click("#go")
        tab.get_by_text(told).wait_for()


def test_the_example_has_scores_and_follows_the_ear(tab):
    tab.click("#example")
    assert len(durations(tab, 4)) == 4
    cells = tab.locator("#results tbody tr:last-child td").all_inner_texts()
    assert float(cells[0]) == pytest.approx(4.64, abs=0.01)  # it is the clean
    headings = tab.locator("#results h3").all_inner_texts()
    assert "Where the teacher knows more" in headings
    # A second player goes on where the first one was.
    state = tab.evaluate(
        f"""async () => {{
            const [first, second] = {PLAYERS};
            first.muted = second.muted = true;
            first.currentTime = 2;
            await first.play();
            await second.play();
            return [first.paused, second.paused, second.currentTime];
        }}"""
    )
    assert state[:2] == [True, False] and state[2] >= 1.9
    # Another recording has another clean version, or none.
    assert tab.locator("#clean input[type=file]").count() == 0
    tab.click('#noisy button[aria-label="Clear"]')
    tab.wait_for_selector("#clean input[type=file]", state="attached")


def test_what_cannot_be_used_is_said_on_the_page(tab, tmp_path):
    assert tab.locator("button.label-wrap").count() == 1  # the clean recording
    tab.click("#go")
    tab.wait_for_selector("#results [role=alert]")
    assert "drop or record one first" in tab.inner_text("#results")
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    upload(tab, path)
    tab.click("#go")
    tab.get_by_text("The recording is silent").wait_for()
    assert tab.locator("#results audio").count() == 0


def test_a_microphone_is_heard_unprocessed(tab):
    settings = tab.evaluate(
        """async () => {
            const stream = await navigator.mediaDevices.getUserMedia(
                {audio: true});
            return stream.getAudioTracks()[0].getSettings();
        }"""
    )
    wanted = ("echoCancellation", "noiseSuppression", "autoGainControl")
    assert [settings[key] for key in wanted] == [False] * 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_its_own_colours(
    chromium, address, tmp_path, scheme
):
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#go")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.screenshot(path=tmp_path / "page.png")
    context.close()
    level = np.median(
        np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    )
    assert level > 230 if scheme == "light" else level < 40


def answer(url, body=None, kind="application/json"):
    """Status and content of what a server says, without any browser."""
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as told:
            return told.status, told.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_no_other_file_is_given_out(address, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    beside = PRETRAINED / "config.json"
    assert answer(f"{address}gradio_api/file={SPEECH}")[0] == 200
    for path in (secret, beside, ROOT / "setup.py", f"{SPEECH}/../config.json"):
        for route in ("gradio_api/file=", "file=", "gradio_api/file/"):
            assert answer(f"{address}{route}{path}")[0] in (403, 404)
    for path in ("static/..%2f..%2fapp.py", "assets/../../app.py"):
        assert answer(f"{address}{path}")[0] in (403, 404)


def test_no_other_file_is_enhanced_and_none_that_is_too_large(
    address, tmp_path
):
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, np.full(16000, 0.1), 16000)
    known = json.loads(answer(f"{address}config")[1])
    calls = [f["id"] for f in known["dependencies"] if len(f["inputs"]) == 3]
    assert calls
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    for call in calls:
        asked = {"fn_index": call, "data": [file, None, ""]}
        asked["session_hash"] = "stranger"
        body = json.dumps(asked).encode()
        answer(f"{address}gradio_api/queue/join", body)
        _, told = answer(
            f"{address}gradio_api/queue/data?session_hash=stranger"
        )
        assert b'"success":false' in told and b"figcaption" not in told
    head = b'--x\r\nContent-Disposition: form-data; name="files"; '
    head += b'filename="a.wav"\r\n\r\n'
    body = head + bytes(2 << 20) + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    status, told = answer(f"{address}gradio_api/upload", body, kind)
    assert status == 413 and b"1" in told


def test_only_this_computer_is_answered(address):
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.URLError):
        answer(address.replace("127.0.0.1", "127.0.0.2"))


def test_a_port_that_is_taken_is_named(address):
    port = int(address.rstrip("/").rpartition(":")[2])
    models = Models({"student": torch.nn.Identity()}, 16000, usual_loss())
    with pytest.raises(OSError, match=f"port {port}.*another --port"):
        serve(build_page(models), port=port, browser=False)
