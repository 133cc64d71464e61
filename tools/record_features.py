"""Records what other programs make of sound into tests/golden/features/.

  build/venv/bin/python tools/record_features.py

Files: clips.npy [3, 16000] int16, drawn here; mfcc.npy [3, 49, 10] float32, by TensorFlow as in MLPerf Tiny's keyword spotting
(mlcommons/tiny, benchmark/training/keyword_spotting/get_dataset.py); micro.npy [3, 98, 40] int16, by pymicro-features, whose floats
are these integers times 0.0390625.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from pymicro_features import MicroFrontend

OUT = Path(__file__).resolve().parent.parent / "tests/golden/features"
RATE = 16000


def clips():
    """A chirp in noise after silence, noise as loud as it can be, and quiet speech-like bursts."""
    draw = np.random.default_rng(15)
    t = np.arange(RATE) / RATE
    chirp = 12000 * np.sin(2 * np.pi * (150 + 1500 * t) * t) * (t > 0.3) + draw.normal(0, 60, RATE)
    noise = draw.normal(0, 12000, RATE)
    bursts = draw.normal(0, 1, RATE) * 900 * (np.sin(2 * np.pi * 3 * t) > 0) + 400 * np.sin(2 * np.pi * 210 * t)
    return np.clip(np.stack([chirp, noise, bursts]), -32768, 32767).astype(np.int16)


def mfcc(clip):
    """[49, 10] of [16000] int16."""
    sound = tf.cast(clip, tf.float32)
    sound = sound / tf.reduce_max(sound)
    stfts = tf.signal.stft(sound, frame_length=480, frame_step=320, fft_length=None, window_fn=tf.signal.hann_window)
    spectrograms = tf.abs(stfts)
    weights = tf.signal.linear_to_mel_weight_matrix(40, stfts.shape[-1], RATE, 20.0, 4000.0)
    log_mel = tf.math.log(tf.tensordot(spectrograms, weights, 1) + 1e-6)
    return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :10].numpy()


def micro(clip):
    """[98, 40] of [16000] int16."""
    front_end = MicroFrontend()
    data = clip.tobytes()
    rows = []
    at = 0
    while at + 320 <= len(data):
        out = front_end.process_samples(data[at:at + 320])
        at += 2 * out.samples_read
        if out.features:
            rows.append(np.round(np.array(out.features) / 0.0390625))
    return np.array(rows).astype(np.int16)


def main():
    sounds = clips()
    OUT.mkdir(parents=True, exist_ok=True)
    np.save(OUT / "clips.npy", sounds)
    np.save(OUT / "mfcc.npy", np.stack([mfcc(clip) for clip in sounds]).astype(np.float32))
    np.save(OUT / "micro.npy", np.stack([micro(clip) for clip in sounds]))


if __name__ == "__main__":
    main()
