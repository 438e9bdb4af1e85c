"""How the kept outputs of AudioSet are calibrated, cut and counted."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit

from engines.maxsight.fit.sound_data import Clip
from engines.maxsight.fit.sound_kept import (
    Calibration,
    calibrate,
    highest_of,
    indices_of,
    kept_metrics,
    out_of_fold,
    shipped,
)
from engines.maxsight.sound_classes import (
    AUDIOSET_CLASSES,
    kept_sounds,
    learnt_ids,
    output_ids,
)
from engines.maxsight.sound_network import LogMel
from engines.maxsight.sound_outputs import audioset_outputs
from tests.engines.maxsight.sound_toy import noise, random_network

KEPT = [one.id for one in kept_sounds()]
LEARNT = len(learnt_ids())


def clip(class_id: str, number: int) -> Clip:
    return Clip(f"{class_id}{number}", class_id, "train", "one", f"{class_id}{number}", "", "open")


def clips_and_outputs(each: int, *, apart: float) -> tuple[list[Clip], np.ndarray]:
    """Clips of every class, and outputs that are higher by `apart` for a kept sound's own clips."""
    rng = np.random.default_rng(0)
    clips = [clip(name, number) for name in output_ids() for number in range(each)]
    own = np.array([[one.class_id == name for name in KEPT] for one in clips])
    return clips, rng.normal(-6.0, 1.0, own.shape) + apart * own


def test_a_calibrated_output_says_how_often_it_is_the_sound_and_not_the_background() -> None:
    clips, outputs = clips_and_outputs(400, apart=2.0)
    wanted = indices_of(clips)
    likely = expit(calibrate(outputs, wanted).logits(outputs))
    for column, name in enumerate(KEPT):
        is_it = wanted == output_ids().index(name)
        asked = is_it | (wanted == output_ids().index("background"))
        for low, high in ((0.1, 0.3), (0.3, 0.7), (0.7, 0.9)):
            found = asked & (likely[:, column] >= low) & (likely[:, column] < high)
            assert found.sum() > 30
            assert low - 0.1 < is_it[found].mean() < high + 0.1


def test_clips_of_learnt_sounds_change_no_calibration() -> None:
    clips, outputs = clips_and_outputs(10, apart=2.0)
    wanted = indices_of(clips)
    before = calibrate(outputs, wanted)
    outputs[wanted == output_ids().index("siren")] = 50.0
    after = calibrate(outputs, wanted)
    np.testing.assert_array_equal(before.scales, after.scales)
    np.testing.assert_array_equal(before.offsets, after.offsets)


def test_out_of_fold_a_recording_tells_nothing_of_itself() -> None:
    clips, outputs = clips_and_outputs(10, apart=2.0)
    wanted = indices_of(clips)
    first, second = np.flatnonzero(wanted == output_ids().index(KEPT[0]))[:2]
    recordings = [one.recording for one in clips]
    recordings[second] = recordings[first]
    found = []
    for height in (-60.0, 60.0):
        outputs[second, 0] = height
        found.append(out_of_fold(outputs, wanted, recordings))
    assert found[0].shape == outputs.shape and np.isfinite(found[0]).all()
    assert found[0][first, 0] == found[1][first, 0]
    # All the others are told by it.
    assert (found[0][:, 0] != found[1][:, 0]).mean() > 0.7


def test_the_shipped_network_says_the_same_calibrated() -> None:
    trained = random_network(classes=LEARNT + AUDIOSET_CLASSES)
    rng = np.random.default_rng(1)
    calibration = Calibration(rng.uniform(0.5, 2.0, len(KEPT)), rng.normal(size=len(KEPT)))
    picture = LogMel()(torch.from_numpy(np.stack([noise(1.0), noise(1.0, seed=1, peak=0.9)])))
    with torch.inference_mode():
        whole = trained(picture).numpy()
        plain = shipped(trained)(picture).numpy()
        scaled = shipped(trained, calibration)(picture).numpy()
    chosen = [LEARNT + number for number in audioset_outputs()]
    np.testing.assert_allclose(plain, np.hstack([whole[:, :LEARNT], whole[:, chosen]]), atol=1e-5)
    np.testing.assert_allclose(scaled[:, :LEARNT], whole[:, :LEARNT], atol=1e-5)
    np.testing.assert_allclose(highest_of(scaled), calibration.logits(highest_of(plain)), atol=1e-4)


def test_own_clips_and_others_are_counted_at_the_threshold() -> None:
    clips = [clip(KEPT[0], 0), clip(KEPT[0], 0), clip("siren", 0), clip("background", 0)]
    likely = np.zeros((4, len(output_ids())))
    likely[:, output_ids().index(KEPT[0])] = (0.9, 0.2, 0.6, 0.1)
    likely[:, output_ids().index(KEPT[1])] = 0.99
    told = kept_metrics(likely, clips, {KEPT[0]: 0.5})
    assert told[KEPT[0]]["recall"][0] == 0.5 and told[KEPT[0]]["clips"] == 2
    assert told[KEPT[0]]["recordings"] == 1
    assert told[KEPT[0]]["others_named"][0] == 0.5
    # What has no threshold is never named.
    assert told[KEPT[1]]["others_named"][0] == 0.0
