"""Which clips are learnt from, how they are drawn, and what is done to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.fit.sound_data import (
    MIN_CLIPS,
    MIN_RECORDINGS,
    WINDOW_SAMPLES,
    Clip,
    SoundDataset,
    Sounds,
    add_room,
    change_speed,
    coloured_noise,
    cut,
    draw_keys,
    load_clips,
    mix,
    terms_of,
    thin_classes,
    usable,
)
from engines.maxsight.sound_classes import learnt_ids
from tests.engines.maxsight.fit.sound_pack import write_pack
from tests.engines.maxsight.sound_toy import noise, tone


def clip(number: int, class_id: str = "siren", source: str = "one", **more: str) -> Clip:
    made = Clip(f"{class_id}{source}{number}", class_id, "train", source, str(number), "", "open")
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("CC0 (Freesound, by kyles; CC-Sounds pack CC-BY-SA-4.0)", "open"),
        ("CC BY 3.0 (by Erdie)", "open"),
        ("Public domain (ezwa)", "open"),
        ("GPL-2.0 (repository)", "open"),
        ("MIT (repository); clips procured from Freesound", "open"),
        ("CC-BY-NC-3.0 (UrbanSound8K upstream terms)", "non-commercial"),
        ("none stated", "unstated"),
        ("none stated (origin not stated)", "unstated"),
        ("not stated in the copy (DCASE 2016)", "unstated"),
        ("all rights reserved", "unstated"),
        ("", "unstated"),
    ],
)
def test_licences_are_sorted_by_what_they_allow(licence: str, terms: str) -> None:
    assert terms_of(licence) == terms


@pytest.mark.parametrize(
    ("count", "recordings", "is_thin"),
    [
        (MIN_CLIPS, MIN_RECORDINGS, False),
        (MIN_CLIPS - 1, MIN_RECORDINGS, True),
        (MIN_CLIPS, MIN_RECORDINGS - 1, True),
    ],
)
def test_classes_with_few_clips_or_recordings_are_thin(
    count: int, recordings: int, is_thin: bool
) -> None:
    clips = [clip(number, recording=str(number % recordings)) for number in range(count)]
    clips += [clip(900 + number, split="val") for number in range(50)]
    assert thin_classes(clips) == ({"siren": (count, recordings)} if is_thin else {})


def test_only_clips_with_an_output_and_under_the_chosen_terms_are_used(tmp_path: Path) -> None:
    clips = load_clips(write_pack(tmp_path))
    assert {one.terms for one in clips} == {"open", "non-commercial"}
    only_open = usable(clips, ("open",))
    assert {one.source for one in only_open} == {"one"} and len(only_open) < len(clips)
    strange = replace(clips[0], class_id="doorbell")
    assert usable([strange], ("open", "non-commercial", "unstated")) == []


def test_every_class_is_drawn_alike_background_twice_and_no_source_rules() -> None:
    clips = [clip(n) for n in range(2)]
    clips += [clip(n, "dog_bark", "many") for n in range(90)]
    clips += [clip(n, "dog_bark", "few") for n in range(10)]
    clips += [clip(n, "background") for n in range(5)]
    keys = draw_keys(clips, count=8_000, seed=0, epoch=3)
    drawn = Counter(clips[index].class_id for index, _ in keys)
    assert drawn["siren"] / 8_000 == pytest.approx(0.25, abs=0.03)
    assert drawn["dog_bark"] / 8_000 == pytest.approx(0.25, abs=0.03)
    assert drawn["background"] / 8_000 == pytest.approx(0.5, abs=0.03)
    sources = Counter(clips[i].source for i, _ in keys if clips[i].class_id == "dog_bark")
    assert sources["many"] / sources["few"] == pytest.approx(3.0, rel=0.25)
    assert keys == draw_keys(clips, count=8_000, seed=0, epoch=3)
    assert keys != draw_keys(clips, count=8_000, seed=0, epoch=4)


def test_clips_are_decoded_once_and_a_stale_cache_is_refused(tmp_path: Path) -> None:
    clips = load_clips(write_pack(tmp_path / "pack"))
    cache = tmp_path / "sounds.npz"
    first = Sounds(tmp_path / "pack", clips, cache)
    for one in clips:
        (tmp_path / "pack" / one.file).unlink()
    again = Sounds(tmp_path / "pack", clips, cache)
    np.testing.assert_array_equal(first[clips[3]], again[clips[3]])
    assert again[clips[3]].dtype == np.float32 and 0.1 < np.abs(again[clips[3]]).max() <= 1
    with pytest.raises(ValueError, match="delete it"):
        Sounds(tmp_path / "pack", [*clips, clip(1)], cache)


def test_a_sample_depends_on_its_key_alone(tmp_path: Path) -> None:
    clips = load_clips(write_pack(tmp_path))
    dataset = SoundDataset(clips, Sounds(tmp_path, clips, tmp_path / "sounds.npz"))
    changed = 0
    for index in range(len(dataset)):
        window, label = dataset[index, 11]
        assert window.shape == (WINDOW_SAMPLES,) and window.dtype == np.float32
        assert np.isfinite(window).all() and np.abs(window).max() <= 1
        assert learnt_ids()[label] == clips[index].class_id
        np.testing.assert_array_equal(window, dataset[index, 11][0])
        changed += not np.array_equal(window, dataset[index, 12][0])
    assert changed == len(dataset)


def test_a_crop_holds_the_event_and_a_short_clip_wholly() -> None:
    event = np.zeros(80_000, np.float32)
    event[70_000:72_000] = 0.5
    hits = [cut(event, np.random.default_rng(seed)).any() for seed in range(60)]
    assert np.mean(hits) > 0.75
    short = np.full(5_000, 0.25, np.float32)
    places = set()
    for seed in range(10):
        window = cut(short, np.random.default_rng(seed))
        assert window.shape == (WINDOW_SAMPLES,) and window.sum() == pytest.approx(1_250)
        places.add(int(window.argmax()))
    assert len(places) > 5


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_is_mixed_in_at_the_wanted_distance(snr_db: float) -> None:
    sound = tone(500, 1.0)
    added = mix(sound, noise(1.0), snr_db=snr_db) - sound
    ratio = np.square(sound).mean() / np.square(added).mean()
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.01)
    silent = np.zeros_like(sound)
    np.testing.assert_array_equal(mix(silent, noise(1.0), snr_db=snr_db), silent)


def test_speed_moves_the_pitch_and_the_length() -> None:
    faster = change_speed(tone(500, 1.0), 1.1)
    assert len(faster) == pytest.approx(16_000 / 1.1, abs=2)
    peak_hz = np.abs(np.fft.rfft(faster)).argmax() * 16_000 / len(faster)
    assert peak_hz == pytest.approx(550, abs=3)


def test_a_room_adds_a_tail_and_keeps_time() -> None:
    click = np.zeros(16_000, np.float32)
    click[100] = 1.0
    heard = add_room(click, np.random.default_rng(1))
    assert len(heard) == 16_000 and np.abs(heard).argmax() == 100
    assert np.abs(heard[:100]).max() < 1e-5
    assert np.square(heard[101:1_000]).sum() > np.square(heard[4_000:5_000]).sum() > 0


def test_noise_has_no_more_power_high_up_than_low_down() -> None:
    for seed in range(5):
        power = np.abs(np.fft.rfft(coloured_noise(16_000, np.random.default_rng(seed)))) ** 2
        assert power[100:1_000].mean() > 0.8 * power[4_000:8_000].mean()
