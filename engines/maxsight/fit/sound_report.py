"""Measure the network of sounds and write its checkpoint with a card.

    python -m engines.maxsight.fit.sound_report --data DIR --start mn04.pt --run runs/sound/seed_? \
      --without runs/sound/*without_* --out checkpoints/maxsight-sound

Several runs, and those that left the same sources out, are averaged.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from engines.maxsight.fit.intervals import around, draw_photos, share
from engines.maxsight.fit.sound_choices import choose_share, choose_thresholds, fit_temperature
from engines.maxsight.fit.sound_data import Clip, Sounds, load_clips, thin_classes, usable
from engines.maxsight.fit.sound_floor import floor_recall
from engines.maxsight.fit.sound_heard import (
    Heard,
    hear_kept,
    listen_elsewhere,
    load_runs,
    read_facts,
)
from engines.maxsight.fit.sound_kept import indices_of, kept_metrics, shipped
from engines.maxsight.fit.sound_train import (
    TERMS,
    labels_of,
    macro_recall,
    predict,
)
from engines.maxsight.sound_classes import (
    BACKGROUND,
    learnt_ids,
    output_ids,
)
from engines.maxsight.sound_network import load_audioset
from engines.maxsight.sound_outputs import audioset_outputs, probabilities_of
from engines.runtime.fit import write_card
from engines.runtime.weights import WEIGHTS_FILE, load_tensors

NOTES_FILE = Path(__file__).with_name("sound_notes.json")
GOAL_MACRO_RECALL, GOAL_ALARM_RECALL = 0.88, 0.9
GOAL_CLASSES = ("siren", "car_horn", "alarm", "dog_bark", "baby_cry")
DIGITS = 4


def recalls(heard: Heard, temperature: float) -> dict[str, Any]:
    """Return macro recall, accuracy and each class's recall with its interval and clips."""
    said = probabilities_of(heard.logits, temperature).argmax(1)
    wanted = indices_of(heard.clips)
    by_recording = _resample(heard.clips, said == wanted, wanted)
    ids = output_ids()
    return {
        "clips": len(wanted),
        "macro_recall": around(macro_recall(said, wanted), by_recording),
        "accuracy": share(int((said == wanted).sum()), len(wanted)),
        "per_class": {
            ids[one]: {
                "recall": share(
                    int((said[wanted == one] == one).sum()), int((wanted == one).sum())
                ),
                "clips": int((wanted == one).sum()),
                "recordings": len({c.recording for c in heard.clips if c.class_id == ids[one]}),
            }
            for one in np.unique(wanted)
        },
    }


def _resample(
    clips: Sequence[Clip], hits: NDArray[np.bool_], wanted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the macro recall of resamples of whole recordings."""
    names = sorted({clip.recording for clip in clips})
    place = {name: number for number, name in enumerate(names)}
    owners = np.array([place[clip.recording] for clip in clips])
    found = []
    for drawn in draw_photos(len(names)):
        weights = drawn[owners]
        totals = np.bincount(wanted, weights)
        right = np.bincount(wanted, weights * hits)
        found.append(float(np.mean(right[totals > 0] / totals[totals > 0])))
    return np.array(found)


def naming(
    probabilities: NDArray[np.float64],
    wanted: NDArray[np.int64],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Return how often a clip is named right, wrong or not at all at the thresholds.

    A clip is named by the likeliest sound among those that reach theirs.
    """
    ids = output_ids()
    least = np.array([thresholds.get(name, np.inf) for name in ids])
    reached = np.where(probabilities >= least, probabilities, -1.0)
    named = np.where(reached.max(1) >= 0, reached.argmax(1), -1)
    is_sound = wanted != ids.index(BACKGROUND)
    return {
        "sounds_named_right": share(int((named == wanted)[is_sound].sum()), int(is_sound.sum())),
        "sounds_named_wrong": share(
            int(((named != wanted) & (named >= 0))[is_sound].sum()), int(is_sound.sum())
        ),
        "background_named": share(int((named >= 0)[~is_sound].sum()), int((~is_sound).sum())),
    }


def missed_goals(metrics: Mapping[str, Any]) -> list[str]:
    """Say which goals are missed on val."""
    missed = []
    macro = metrics["val"]["macro_recall"][0]
    if macro < GOAL_MACRO_RECALL:
        missed.append(
            f"The goal of {GOAL_MACRO_RECALL} macro recall on val is missed: {macro:.2f}."
        )
    for name in GOAL_CLASSES:
        one = metrics["val"]["per_class"].get(name)
        if one is not None and one["recall"][0] < GOAL_ALARM_RECALL:
            missed.append(
                f"{name}: the goal of {GOAL_ALARM_RECALL} recall on val is missed: "
                f"{one['recall'][0]:.2f} of {one['clips']} clips."
            )
    return missed


def describe_data(clips: Sequence[Clip], thin: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Say in words which clips were used, by source, and which classes were not learnt."""
    said = {}
    for source in sorted({clip.source for clip in clips}):
        own = [clip for clip in clips if clip.source == source]
        counts = Counter(clip.terms for clip in own)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        names = ", ".join(sorted({clip.class_id for clip in own}))
        said[source] = f"{kinds} clips: {names}"
    for name, (count, recordings) in thin.items():
        said[f"not learnt: {name}"] = f"{count} training clips of {recordings} recordings"
    return said


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the sound pack")
    parser.add_argument("--start", type=Path, required=True, help="EfficientAT's mn04_as weights")
    parser.add_argument("--run", type=Path, nargs="+", required=True, help="of sound_train")
    parser.add_argument("--without", type=Path, nargs="+", required=True, help="with --leave-out")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    arguments = parser.parse_args(argv)
    every = load_clips(arguments.data)
    sounds = Sounds(arguments.data, every, arguments.run[0].parent / "sounds.npz")
    facts = [read_facts(run) for run in arguments.run]
    used = usable(every, TERMS[facts[0]["licences"]])
    val = [clip for clip in usable(every, TERMS["all"]) if clip.split == "val"]
    published = load_audioset(load_tensors(arguments.start))
    mix_share, scores = choose_share(arguments.without, every, sounds, published)
    trained = load_runs(arguments.run, published=published, share=mix_share)
    kept, calibration = hear_kept(trained, every, sounds)
    here = Heard(tuple(val), predict(shipped(trained, calibration), val, sounds))
    elsewhere = listen_elsewhere(
        arguments.without,
        every,
        sounds,
        published=published,
        share=mix_share,
        calibration=calibration,
    )
    temperature = fit_temperature(elsewhere.learnt, labels_of(elsewhere.clips))
    # What no network learnt from: other collections, and the kept sounds of the training part.
    unheard = (elsewhere, kept.part("train"))
    thresholds = choose_thresholds(
        np.concatenate([probabilities_of(one.logits, temperature) for one in unheard]),
        np.concatenate([indices_of(one.clips) for one in unheard]),
    )
    training = [clip for clip in used if clip.split == "train"]
    metrics: dict[str, Any] = {
        "val": {
            **recalls(here, temperature),
            "named": naming(
                probabilities_of(here.logits, temperature), indices_of(here.clips), thresholds
            ),
            "floor_macro_recall": floor_recall(arguments.start, training, val, sounds),
        },
        "other_sources": {
            **recalls(elsewhere, temperature),
            "runs": [run.name for run in arguments.without],
            "not_measured": sorted(set(learnt_ids()) - {c.class_id for c in elsewhere.clips}),
        },
        "kept_from_audioset": kept_metrics(
            np.concatenate(
                [probabilities_of(one.logits, temperature) for one in (kept, here, elsewhere)]
            ),
            [*kept.clips, *here.clips, *elsewhere.clips],
            thresholds,
        ),
        "training": {
            "clips": len(training),
            "seeds": [one["seed"] for one in facts],
            "epochs": [one["epochs"] for one in facts],
            "share_of_the_runs": mix_share,
            "log_likelihood_elsewhere_by_share": scores,
        },
    }
    notes = json.loads(NOTES_FILE.read_text("utf-8"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    network = shipped(trained, calibration)
    save_file(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()},
        arguments.out / WEIGHTS_FILE,
    )
    write_card(
        arguments.out,
        {
            **notes,
            "created": date.today().isoformat(),
            "limits": [*missed_goals(metrics), *notes["limits"]],
            "data": describe_data(used, thin_classes(every)),
            "metrics": rounded(metrics),
            "inference": {
                "classes": list(learnt_ids()),
                "audioset": list(audioset_outputs()),
                "thresholds": thresholds,
                "temperature": round(temperature, DIGITS),
            },
        },
    )
    print(json.dumps(rounded(metrics), indent=2))


def rounded(value: Any) -> Any:
    """Round all numbers of nested lists and mappings to four digits after the point."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
