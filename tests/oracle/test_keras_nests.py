"""Models in models, through litesmith and back in both containers and both Kerases."""

import numpy as np
import pytest
from test_keras import ENDINGS, GENERATIONS, assert_close, keras, tree_and_outputs

KINDS = ("sequential", "chain", "deep", "frozen", "two", "twice", "steps")


def samples(kind):
    rng = np.random.default_rng(23)
    if kind == "steps":
        return [rng.integers(0, 9, (10, 6)).astype(np.int32)]
    shapes = {"two": [(3,), (4,)], "twice": [(8, 8, 3)] * 2}.get(kind, [(8, 8, 3)])
    return [rng.normal(0, 1, (10, *shape)).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("generation, ending", list(zip(GENERATIONS, ENDINGS)))  # as each writes by itself: both take most of a minute
def test_models_in_the_model_come_back(litesmith, tmp_path, generation, ending, kind):
    """From either Keras to .h5, to .keras, to .h5: names, kinds, flags, weights, and what they predict."""
    theirs = tmp_path / f"theirs{ending}"
    keras(generation, "save-nested", theirs, kind)
    inputs = samples(kind)
    tree, want = tree_and_outputs(generation, theirs, tmp_path, *inputs)
    before = theirs
    for step, to in enumerate((".h5", ".keras", ".h5")):
        after = tmp_path / f"ours{step}{to}"
        litesmith.ok("convert", before, "--method", "keras", "-o", after)
        before = after
    # So what both read of the first is what they read of the last.
    assert (tmp_path / "ours0.h5").read_bytes() == (tmp_path / "ours2.h5").read_bytes()
    for ours in (tmp_path / "ours0.h5", tmp_path / "ours1.keras"):
        for reader in GENERATIONS:
            tree_now, outputs = tree_and_outputs(reader, ours, tmp_path, *inputs)
            assert tree_now == tree
            for got, wanted in zip(outputs, want, strict=True):
                assert_close(got, wanted)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_trained_model_keeps_its_models(litesmith, tmp_path, ending):
    """Pruned, of the same structure; what is frozen in a model stays as it was."""
    theirs, ours = tmp_path / "theirs.h5", tmp_path / f"ours{ending}"
    keras("2", "save-nested", theirs, "deep")
    [x] = samples("deep")
    y = np.arange(10) % 2
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    litesmith.ok("optimize", theirs, "--recipe", "prune", "--data", f"npz:{tmp_path / 'data.npz'}", "--epochs", 1, "-o", ours)
    tree, _ = tree_and_outputs("2", theirs, tmp_path, x)
    for reader in GENERATIONS:
        tree_now, [y] = tree_and_outputs(reader, ours, tmp_path, x)
        assert tree_now == tree
        assert_close(y, litesmith.run(ours, x, tmp_path))
