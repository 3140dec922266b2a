"""What holds of every network, whatever is inside."""

import pytest
import torch
from speechbrain.inference.enhancement import WaveformEnhancement
from trained_models import trained_like

from dispatch_sb.cli import main
from dispatch_sb.data.audio import read_audio
from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.models import DCCRN, ConvTasNet, FastEnhancer
from dispatch_sb.models.real_fourier import RealFourier
from dispatch_sb.models.spectrum import CausalSTFT
from dispatch_sb.models.taps import Taps
from dispatch_sb.pretrained import save

SMALLEST = {
    "FastEnhancer": lambda: FastEnhancer.from_size("T"),
    "DCCRN": lambda: DCCRN.from_size("small"),
    "causal ConvTasNet": lambda: ConvTasNet.from_size("small", causal=True),
    "ConvTasNet": lambda: ConvTasNet.from_size("small"),
}
CAUSAL = [name for name in SMALLEST if name != "ConvTasNet"]


@pytest.fixture(scope="module", params=list(SMALLEST))
def model(request):
    """The smallest of each family, with weights as if trained."""
    torch.manual_seed(1)
    return trained_like(SMALLEST[request.param]())


@pytest.fixture(scope="module", params=CAUSAL)
def causal(request):
    """Those that can stream."""
    torch.manual_seed(1)
    return trained_like(SMALLEST[request.param]())


@pytest.mark.parametrize("hop", [100, 128, 160, 256])
def test_the_transform_reconstructs_exactly(hop):
    """Analysis, then synthesis, is the identity, edges included."""
    waveform = torch.randn(2, 5003)
    stft = CausalSTFT(512, hop)
    torch.testing.assert_close(
        stft.inverse(stft(waveform), 5003), waveform, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("samples", [1, 15, 512, 2001])
def test_any_length_goes_in_and_comes_out(model, samples):
    with torch.no_grad():
        assert model(torch.randn(2, samples)).shape == (2, samples)


def test_its_folder_is_read_by_speechbrain_and_by_the_command(model, tmp_path):
    noisy = 0.1 * torch.randn(2, 9000)  # shorter files are padded
    folder = save(model, tmp_path / "model", "# A model", noisy[0])
    loaded = WaveformEnhancement.from_hparams(str(folder))
    with torch.no_grad():
        expected = model(noisy)
        found = loaded.enhance_batch(noisy)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    files = [str(folder / "example.wav"), str(tmp_path / "clean.wav")]
    assert main(["enhance", *files, "--model", str(folder)]) == 0
    made = torch.from_numpy(read_audio(tmp_path / "clean.wav"))
    expected = expected[0].clamp(-1, 1)  # as the file has it
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-3)


def test_a_batch_of_unequal_lengths_is_one_by_one(model):
    noisy = 0.1 * torch.randn(2, 4000)
    noisy[1, 3000:] = 0
    lens = torch.tensor([1.0, 0.75])
    options = {} if model.latency else {"lens": lens}
    with torch.no_grad():
        both = model(noisy, **options)
        torch.testing.assert_close(
            both[1, :2400], model(noisy[1:, :3000])[0, :2400]
        )
        torch.testing.assert_close(both[:1], model(noisy[:1]))


def test_a_few_steps_lower_the_loss(model):
    torch.manual_seed(2)
    student = type(model)(**model.config).train()
    time = torch.arange(4000) / 16000
    clean = 0.1 * torch.sin(
        2 * torch.pi * torch.tensor([[300.0], [500]]) * time
    )
    noisy = clean + 0.05 * torch.randn(2, 4000)
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = (student(noisy) - clean).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_low_precision_stays_inside(model):
    """Under autocast the waveform is float32 and close to full precision."""
    noisy = 0.1 * torch.randn(2, 4000)
    with torch.no_grad():
        full = model(noisy)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = model(noisy)
    assert low.dtype == torch.float32
    assert (low - full).norm() < 0.1 * full.norm()


def test_silence_stays_silent_and_has_finite_gradients(model):
    student = type(model)(**model.config).train()
    output = student(torch.zeros(2, 2000))
    output.square().sum().backward()
    assert output.abs().max() < 1e-6
    gradients = [p.grad for p in student.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_future_beyond_the_latency_does_not_matter(causal):
    noisy = 0.1 * torch.randn(1, 6000)
    changed = noisy.clone()
    changed[:, 4000:] += 1.0
    with torch.no_grad():
        before, after = causal(noisy), causal(changed)
    unheard = 4000 - causal.latency + 1
    torch.testing.assert_close(after[:, :unheard], before[:, :unheard])
    assert not torch.equal(after[:, unheard:4000], before[:, unheard:4000])


def test_a_stream_equals_the_whole(causal):
    noisy = 0.1 * torch.randn(2, 5003)
    enhancer = StreamingEnhancer(causal)
    state, parts = enhancer.initial_state(2), []
    for block in noisy.split(777, dim=1):
        part, state = enhancer(block, state)
        parts.append(part)
    parts.append(enhancer.finish(state))
    with torch.no_grad():
        torch.testing.assert_close(
            torch.cat(parts, dim=1), causal(noisy), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("family", [DCCRN, ConvTasNet])
def test_sizes_are_a_fifth_and_a_sixteenth(family):
    sizes = [
        sum(p.numel() for p in family.from_size(size).parameters())
        for size in ("published", "medium", "small")
    ]
    assert 0.18 < sizes[1] / sizes[0] < 0.22
    assert 1 / 18 < sizes[2] / sizes[0] < 1 / 14


@pytest.mark.parametrize(
    "build, named",
    [
        (lambda: FastEnhancer.from_size("XL"), "T, B, S, M, L.*XL"),
        (lambda: DCCRN.from_size("huge"), "published.*huge"),
        (lambda: FastEnhancer(block_channels=21), "block_channels.*21"),
        (lambda: CausalSTFT(512, hop=0), r"hop.*\b0\b"),
        (lambda: CausalSTFT(512, hop=257), r"hop.*\b257\b"),
        (lambda: RealFourier(0), r"\b0\b"),
        (lambda: RealFourier(511), "511"),
    ],
)
def test_what_cannot_be_built_is_refused(build, named):
    with pytest.raises(ValueError, match=named):
        build()


def test_every_tap_gives_features_of_one_frame_rate(model):
    taps = Taps(model, list(model.taps))
    with torch.no_grad():
        model(0.1 * torch.randn(3, 2000))
    found = taps.read()
    assert list(found) == list(model.taps) and taps.read() == {}
    assert len({(x.shape[0], x.shape[2]) for x in found.values()}) == 1


def test_a_frame_of_features_belongs_to_its_time(causal):
    """Features before a change of the input stay as they were."""
    taps = Taps(causal, list(causal.taps))
    noisy = 0.1 * torch.randn(2, 6000)
    changed = noisy.clone()
    changed[1, 4000:] += 1.0
    with torch.no_grad():
        found = [(causal(x), taps.read())[1] for x in (noisy, changed)]
    frame = 4000 // causal.hop
    for before, after in zip(*(features.values() for features in found)):
        torch.testing.assert_close(after[0], before[0])
        torch.testing.assert_close(after[1, :, :frame], before[1, :, :frame])
        assert not torch.equal(after[1, :, frame:], before[1, :, frame:])


def test_any_module_of_another_network_is_a_tap():
    network = torch.nn.Sequential(torch.nn.Unflatten(1, (50, 4)))
    taps = Taps(torch.nn.ModuleDict({"model": network})["model"], ["0=btc"])
    network(torch.randn(2, 200))
    assert taps.read()["0=btc"].shape == (2, 4, 50, 1)
    for name, told in (("9=btc", "9"), ("0", "btc"), ("0=bx", "btc")):
        with pytest.raises(ValueError, match=told):
            Taps(network, [name])
