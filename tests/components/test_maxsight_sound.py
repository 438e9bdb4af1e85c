"""The section "Sounds" of the MaxSight tab: its handlers, on ears that know tones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from numpy.typing import NDArray

from components.maxsight_actions import MaxSightTab
from components.maxsight_sound_actions import SoundTab
from components.maxsight_sound_hearing import ENGINE, Hearing, seconds_of
from engines.maxsight.preferences import Preferences
from engines.maxsight.sound_audio import Floats
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import choose_placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.components.maxsight_ears import (
    HALF_S,
    ONE,
    OTHER,
    SlowRunner,
    TickingClock,
    listen,
    messages_of,
    piece,
    scene,
)
from tests.components.maxsight_eyes import TIMEOUT_S, Clock, Eyes, read, tab_of
from tests.engines.maxsight.sound_toy import (
    ToneRunner,
    noise,
    tone,
    tone_of,
    write_checkpoint,
    write_sound,
)


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(threads=1)
    yield lane
    lane.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_checkpoint(tmp_path / "checkpoints")
    return Settings(checkpoints_dir=tmp_path / "checkpoints", data_dir=tmp_path / "data")


@pytest.fixture
def tab(lane: CpuLane, settings: Settings) -> MaxSightTab:
    tab = tab_of(Eyes(), lane, Clock(), settings)
    pool = tab.context.pool
    pool.register(ENGINE, lambda: ToneRunner(settings, choose_placement(settings)))
    pool.get(ENGINE)
    return tab


@pytest.fixture
def sounds(tab: MaxSightTab) -> SoundTab:
    return SoundTab(tab, Clock())


def test_a_siren_is_named_with_all_that_the_page_shows(sounds: SoundTab) -> None:
    message = listen(sounds, "siren", 2)
    (event,) = message["events"]
    assert (message["heard"], message["source"], message["n"]) == ("sound", "microphone", 4)
    assert event["name"] == "siren" and event["said"] == "Danger: siren."
    assert event["isAlarm"] and event["urgency"] == 3
    assert event["haptic"] == [800, 200, 800]
    assert event["sureStep"] == "middle" and 0.7 < event["sure"] < 0.85
    assert 80 <= event["loudness"] <= 95 and event["loudnessDb"] == pytest.approx(-9, abs=1)
    assert event["id"] == "run siren 0.00"
    assert set(message["named"]) > {"siren", "alarm"}


def test_a_piece_at_the_devices_own_rate_is_the_same_sound(sounds: SoundTab) -> None:
    for run, rate_hz in (("low", 8_000), ("high", 96_000)):
        message = listen(sounds, "siren", 2, run=run, rate_hz=rate_hz)
        assert [event["classId"] for event in message["events"]] == ["siren"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param("es", "Peligro: bocina de coche.", id="Spanish"),
        pytest.param("de", "Gefahr: Autohupe.", id="German"),
    ],
)
def test_the_words_follow_the_tabs_language(
    language: Any, said: str, sounds: SoundTab, tab: MaxSightTab
) -> None:
    tab.viewer(ONE).preferences = Preferences(language=language, is_vibrating=False)
    (event,) = listen(sounds, "car_horn", 2)["events"]
    assert event["said"] == said
    assert event["haptic"] == []


def test_getting_louder_is_said(sounds: SoundTab) -> None:
    said = ""
    for number, peak in enumerate((0.02, 0.02, 0.02, 0.3, 0.3, 0.3), 1):
        sound = tone(tone_of("train"), HALF_S, peak=peak)
        (event,) = read(sounds.hear(ONE, piece(sound, number)))["events"] or [{"said": ""}]
        said = event["said"]
    assert event["trend"] == "louder"
    assert said == "Danger: train, getting louder."


def test_a_muted_sound_is_background_to_that_person_alone(sounds: SoundTab) -> None:
    mine = listen(sounds, "siren", 2, muted=("siren", "no such sound"))
    yours = listen(sounds, "siren", 2, OTHER)
    assert (mine["heard"], mine["events"]) == ("background", [])
    assert yours["heard"] == "sound"
    assert listen(sounds, "siren", 1)["heard"] == "sound"


@pytest.mark.parametrize(
    ("sound", "heard"),
    [
        pytest.param(np.zeros(8000, np.float32), "silence", id="silence"),
        pytest.param(noise(HALF_S), "background", id="background"),
        pytest.param(tone(7_500, HALF_S), "unknown", id="unknown"),
    ],
)
def test_what_has_no_name_is_said_calmly(
    sound: NDArray[np.float32], heard: str, sounds: SoundTab
) -> None:
    for number in range(1, 4):
        message = read(sounds.hear(ONE, piece(sound, number)))
    assert (message["heard"], message["events"], message["problems"]) == (heard, [], [])


def test_a_muted_a_clipped_and_an_offset_microphone_are_told_of(
    sounds: SoundTab, tab: MaxSightTab
) -> None:
    for number in range(1, 8):
        message = read(sounds.hear(ONE, piece(np.zeros(8000, np.float32), number)))
    assert "No sound is coming in." in message["problems"][0]
    assert message["loudness"] == 0 and message["loudnessDb"] is None
    tab.viewer(OTHER).preferences = Preferences(language="de")
    loud = np.sign(tone(440, HALF_S)) * 1.0
    assert "zu laut" in read(sounds.hear(OTHER, piece(loud)))["problems"][0]
    shifted = tone(440, HALF_S, peak=0.2) + 0.3
    assert "Abweichung" in read(sounds.hear(OTHER, piece(shifted, 2)))["problems"][0]


def test_turning_the_microphone_off_ends_the_sounds_and_the_next_time_begins_anew(
    sounds: SoundTab,
) -> None:
    listen(sounds, "siren", 2)
    message = read(sounds.hear(ONE, piece(noise(0.1), 9, is_end=True)))
    assert message["events"] == []
    (ended,) = message["ended"]
    assert (ended["classId"], ended["beganS"], ended["lastS"]) == ("siren", 0.0, 2.1)
    again = listen(sounds, "dog_bark", 1, run="again")
    assert again["ended"] == [] and again["at_s"] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param('{"run": "run"}', id="parts missing"),
        pytest.param(piece(noise(0.1)).replace('"pcm": "', '"pcm": "!'), id="no base64"),
        pytest.param(json.dumps({**json.loads(piece(noise(0))), "pcm": "AA=="}), id="odd bytes"),
        pytest.param(piece(noise(0.1), rate_hz="fast"), id="rate is no number"),
        pytest.param(piece(noise(0.1), rate_hz=300), id="rate too low"),
        pytest.param(piece(noise(61), rate_hz=8_000), id="more than a minute"),
        pytest.param("x" * 4_000_001, id="far too long"),
    ],
)
def test_a_piece_that_cannot_be_used_is_refused_in_words_and_the_next_one_is_heard(
    text: str, sounds: SoundTab
) -> None:
    listen(sounds, "siren", 1)
    message = read(sounds.hear(ONE, text))
    assert message["error"].count(".") >= 2 and not message["isPassing"]
    assert listen(sounds, "siren", 1)["at_s"] == 2.0


def test_no_text_is_no_piece(sounds: SoundTab) -> None:
    assert sounds.hear(ONE, "") == gr.skip()


def test_a_piece_that_would_wait_too_long_is_dropped_and_said_to_be(
    lane: CpuLane, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.maxsight_sound_hearing.WAITS_S", 0.05)
    tab = tab_of(Eyes(), lane, Clock(), settings)
    ears = SlowRunner(settings)
    tab.context.pool.register(ENGINE, lambda: ears)
    ears.may_hear.set()
    tab.context.pool.get(ENGINE)
    ears.begun.clear()
    ears.may_hear.clear()
    sounds = SoundTab(tab)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(listen(sounds, "siren", HALF_S)))
    first.start()
    assert ears.begun.wait(TIMEOUT_S)
    late = read(sounds.hear(ONE, piece(noise(HALF_S), 2)))
    ears.may_hear.set()
    first.join(TIMEOUT_S)
    assert late == {"run": "run", "n": 2, "isLate": True}
    assert answers[0]["at_s"] == HALF_S


def test_without_a_checkpoint_the_section_says_so_and_the_camera_still_looks(
    lane: CpuLane, tmp_path: Path
) -> None:
    settings = Settings(checkpoints_dir=tmp_path / "none", data_dir=tmp_path / "data")
    tab = tab_of(Eyes(), lane, Clock(), settings)
    pool = tab.context.pool
    pool.register(ENGINE, lambda: SoundRunner(settings, choose_placement(settings)))
    with pytest.raises(EngineUnavailableError):
        pool.get(ENGINE)
    message = read(SoundTab(tab).hear(ONE, piece(noise(HALF_S))))
    assert "cannot name sounds" in message["error"] and not message["isPassing"]
    assert "error" not in read(tab.look(ONE, np.full((48, 64, 3), 90, np.uint8)))


def test_while_the_ears_load_nobody_waits_and_the_page_says_that_it_passes(
    lane: CpuLane, settings: Settings
) -> None:
    tab = tab_of(Eyes(), lane, Clock(), settings)
    may_load = threading.Event()

    def build() -> SoundRunner:
        assert may_load.wait(TIMEOUT_S)
        return ToneRunner(settings, choose_placement(settings))

    tab.context.pool.register(ENGINE, build)
    sounds = SoundTab(tab)
    message = read(sounds.hear(ONE, piece(noise(HALF_S))))
    may_load.set()
    assert message["isPassing"] and "still loading" in message["error"]
    tab.context.pool.get(ENGINE)
    assert listen(sounds, "siren", 1)["heard"] == "sound"


def test_ears_that_were_loaded_anew_go_on_where_the_old_ones_were(
    sounds: SoundTab, tab: MaxSightTab
) -> None:
    listen(sounds, "siren", 2)
    assert tab.context.pool.unload(ENGINE)
    tab.context.pool.get(ENGINE)
    assert listen(sounds, "siren", 1)["at_s"] == 3.0


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        pytest.param("wav", "pcm_s16le", 16_000, id="WAV"),
        pytest.param("flac", "flac", 16_000, id="FLAC"),
        pytest.param("ogg", "libopus", 16_000, id="OGG"),
        pytest.param("mp3", "libmp3lame", 16_000, id="MP3"),
        pytest.param("m4a", "aac", 16_000, id="M4A"),
    ],
)
def test_a_file_gives_its_sounds_with_their_places_in_it(
    suffix: str, codec: str, rate_hz: int, sounds: SoundTab, tmp_path: Path
) -> None:
    path = tmp_path / f"scene.{suffix}"
    write_sound(path, scene(), rate_hz, codec)
    last = messages_of(sounds, path)[-1]
    assert last["source"] == "file" and last["progress"]["isDone"]
    assert last["progress"]["duration_s"] == pytest.approx(7, abs=0.3)
    found = {event["classId"]: event for event in last["ended"]}
    assert set(found) == {"siren", "dog_bark"}
    assert found["siren"]["beganS"] < 1 and 4.5 < found["dog_bark"]["beganS"] < 6.5


def test_a_long_file_tells_how_far_it_is_and_no_sound_of_it_is_left_out(
    tab: MaxSightTab, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    write_sound(path, np.concatenate([scene()] * 5), 16_000, "pcm_s16le")
    messages = messages_of(SoundTab(tab, TickingClock()), path)
    places = [message["progress"]["at_s"] for message in messages]
    assert places == sorted(places) and len(places) > 5
    told = {event["id"] for one in messages[:-1] for event in one["ended"]}
    assert len(told) >= 9
    assert [one["progress"]["isDone"] for one in messages] == [False] * (len(places) - 1) + [True]


def test_a_file_that_breaks_off_is_heard_up_to_there(sounds: SoundTab, tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    write_sound(path, scene(), 16_000, "flac")
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    path.write_bytes(bytes(data[:half]) + bytes(len(data) - half))
    messages = messages_of(sounds, path)
    assert any(event["classId"] == "siren" for event in messages[0]["ended"])


@pytest.mark.parametrize(
    "content", [b"", b"no sound at all" * 100, bytes(5000)], ids=["empty", "text", "zeros"]
)
def test_a_file_that_is_no_sound_is_refused_in_words(
    content: bytes, sounds: SoundTab, tmp_path: Path
) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    (message,) = messages_of(sounds, path)
    assert "broken.wav" in message["error"] and message["source"] == "file"


def test_another_file_or_the_cross_ends_listening_to_the_first(
    tab: MaxSightTab, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    write_sound(path, np.concatenate([scene()] * 5), 16_000, "pcm_s16le")
    sounds = SoundTab(tab, TickingClock())
    first = sounds.file(ONE, str(path))
    next(first)
    sounds.leave_file(ONE)
    assert list(first) == []
    second = sounds.file(ONE, str(path))
    next(second)
    tab.leave(ONE)
    assert list(second) == []


def test_a_file_is_read_in_seconds_whatever_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(path: Path) -> Iterator[tuple[Floats, int]]:
        for _ in range(5):
            yield np.ones(6000, np.float32), 16_000
        yield np.ones(100, np.float32), 8_000
        raise InputError("It is damaged.", "Try another.")

    monkeypatch.setattr("components.maxsight_sound_hearing.read_file", parts)
    seconds = seconds_of(tmp_path)
    read_so_far = [(len(sound), rate) for sound, rate in _until_damaged(seconds)]
    assert read_so_far == [(18_000, 16_000), (12_000, 16_000), (100, 8_000)]


def _until_damaged(seconds: Iterator[tuple[Floats, int]]) -> Iterator[tuple[Floats, int]]:
    with pytest.raises(InputError, match="damaged"):
        yield from seconds


def test_a_persons_ears_go_when_that_person_leaves(sounds: SoundTab, tab: MaxSightTab) -> None:
    before = sounds.hearing(tab.viewer(ONE))
    assert sounds.hearing(tab.viewer(ONE)) is before
    tab.leave(ONE)
    assert isinstance(sounds.hearing(tab.viewer(ONE)), Hearing)
    assert sounds.hearing(tab.viewer(ONE)) is not before
