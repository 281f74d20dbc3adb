import numpy as np

from training.data.counter import key_hashes, mix, uniforms


def test_mix_is_splitmix64() -> None:
    """The first outputs of SplitMix64 from state 0 and from 1234567, as published with it."""
    gamma = 0x9E3779B97F4A7C15
    states = [(start + gamma * n) % 2**64 for start in (0, 1234567) for n in (1, 2, 3)]
    assert mix(np.array(states, np.uint64)).tolist() == [
        16294208416658607535, 7960286522194355700, 487617019471545679,
        6457827717110365317, 3203168211198807973, 9817491932198370423,
    ]  # fmt: skip


def test_numbers_are_uniform_and_independent() -> None:
    hashes = key_hashes([f"photo-{n}" for n in range(20_000)])
    numbers = uniforms(hashes, 3, 5, 4)
    assert numbers.shape == (20_000, 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for column in numbers.T:
        counts = np.histogram(column, 20, (0, 1))[0]
        # 19 degrees of freedom: above 55 once in 25,000 times.
        assert ((counts - 1000) ** 2 / 1000).sum() < 55
    others = [uniforms(hashes, *pair, 4) for pair in ((3, 6), (4, 5))]
    together = np.corrcoef(np.column_stack([numbers, *others]).T)
    assert np.abs(together - np.eye(12)).max() < 0.03


def test_a_sample_has_its_numbers_whoever_else_is_there() -> None:
    hashes = key_hashes(["a", "b", "c"])
    assert np.array_equal(uniforms(hashes, 1, 2, 9)[1], uniforms(hashes[1:2], 1, 2, 9)[0])
    assert np.array_equal(uniforms(hashes, 1, 2, 3), uniforms(hashes, 1, 2, 9)[:, :3])
