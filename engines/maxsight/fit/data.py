"""How photos become training samples: crops, mosaics, flips, colours, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from engines.maxsight.boxes import area
from engines.maxsight.classes import Vocabulary
from engines.maxsight.decode import cell_grid
from engines.maxsight.fit.labels import Labels
from engines.maxsight.fit.photometric import change_colours
from engines.maxsight.fit.pixels import PixelCache
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE, urgency_of, zone_of
from engines.runtime.fit import SampleKey

# The photos' longer side.
PHOTO_SIDE = 320
FILL = 114
MIN_VISIBLE = 0.3
MIN_SIDE_PX = 3.0
MAX_OBJECTS = 80
# A sample's seed carries its epoch, which decides the size and the augmentation.
EPOCH_SHIFT = 32


@dataclass(frozen=True)
class Phase:
    """How samples are made from an epoch on; `until` is the first epoch of the next phase.

    side: pixels of a sample. mosaic: share of samples made of four photos. frame_side: the longer
    side of a whole frame in use, pixels; a crop is of such a frame, so that what looks large in
    training looks equally large in use. scales: of a photo alone, relative to `frame_side`.
    """

    until: int
    side: int
    mosaic: float
    scales: tuple[float, float]
    frame_side: int = PHOTO_SIDE


class Sample(NamedTuple):
    """One training picture of side S, with A cells, N objects and C classes.

    pixels: (3, S, S) uint8 RGB. boxes: (N, 4), pixels. classes: (N,). chances: (N,).
    wanted: (N, C). zones: (N,). known: (A, C) uint8, 0, 1 or 2 half weights of "nothing is here".
    is_seen: (A,) whether a cell may count as empty at all. urgency: () 0 to 3.
    """

    pixels: Tensor
    boxes: Tensor
    classes: Tensor
    chances: Tensor
    wanted: Tensor
    zones: Tensor
    known: Tensor
    is_seen: Tensor
    urgency: Tensor


class Batch(NamedTuple):
    """Samples of one size; objects are padded to the longest list, with chance 0."""

    pixels: Tensor
    boxes: Tensor
    classes: Tensor
    chances: Tensor
    wanted: Tensor
    zones: Tensor
    known: Tensor
    is_seen: Tensor
    urgency: Tensor


@dataclass
class _Canvas:
    """A sample being put together."""

    pixels: np.ndarray
    known: np.ndarray  # (A, C) in half weights
    boxes: list[np.ndarray]
    heights: list[np.ndarray]
    areas: list[np.ndarray]
    rows: list[tuple[int, np.ndarray]]  # photo and the indices of its labels
    ignored: list[tuple[np.ndarray, int]]


class DetectionDataset(Dataset[Sample]):
    """Photos as augmented samples; the key (index, seed) decides everything random."""

    def __init__(
        self,
        pixels: PixelCache,
        labels: Sequence[Labels],
        words: Vocabulary,
        phases: Sequence[Phase],
        *,
        is_augmented: bool = True,
    ) -> None:
        cv2.setNumThreads(0)
        self.pixels, self.labels, self.words = pixels, labels, words
        self.phases, self.is_augmented = tuple(phases), is_augmented

    def __len__(self) -> int:
        return len(self.labels)

    def phase_of(self, epoch: int) -> Phase:
        """Return the phase of an epoch; the last one has no end."""
        return next((p for p in self.phases if epoch < p.until), self.phases[-1])

    def __getitem__(self, key: SampleKey) -> Sample:
        index, seed = key
        rng = np.random.default_rng(seed)
        phase = self.phase_of(seed >> EPOCH_SHIFT)
        side, grown = phase.side, phase.frame_side / PHOTO_SIDE
        centres = cell_grid(side, side)[0].numpy()
        canvas = _Canvas(
            np.full((side, side, 3), FILL, np.uint8),
            np.full((len(centres), len(self.words.trained)), 2, np.uint8),
            [], [], [], [], [],
        )  # fmt: skip
        if not self.is_augmented:
            self._place(canvas, index, (0, 0, side, side), centres, side / PHOTO_SIDE, None)
        elif rng.random() < phase.mosaic:
            cx, cy = (int(v) for v in rng.uniform(0.3, 0.7, 2) * side)
            others = [index, *(int(i) for i in rng.integers(len(self.labels), size=3))]
            quarters = [
                (0, 0, cx, cy), (cx, 0, side, cy), (0, cy, cx, side), (cx, cy, side, side),
            ]  # fmt: skip
            for turn, quarter in enumerate(rng.permutation(4)):
                scale = float(np.exp(rng.uniform(np.log(0.35), np.log(1.0))))
                self._place(canvas, others[turn], quarters[quarter], centres, scale * grown, rng)
        else:
            low, high = np.log(phase.scales)
            scale = float(np.exp(rng.uniform(low, high)))
            self._place(canvas, index, (0, 0, side, side), centres, scale * grown, rng)
        if self.is_augmented:
            canvas.pixels = change_colours(canvas.pixels, rng)
        return self._finish(canvas, centres, phase.frame_side)

    def _place(
        self,
        canvas: _Canvas,
        index: int,
        window: tuple[int, int, int, int],
        centres: np.ndarray,
        scale: float,
        rng: np.random.Generator | None,
    ) -> None:
        """Scale a photo, cut or pad it to the window, and bring its boxes along."""
        source, labels = self.pixels[index], self.labels[index]
        height, width = source.shape[:2]
        x0, y0, x1, y1 = window
        stretch = 1.0 if rng is None else float(np.sqrt(np.exp(rng.uniform(-0.18, 0.18))))
        is_flipped = rng is not None and rng.random() < 0.5
        part_x = _span(width, x1 - x0, scale * stretch, rng)
        part_y = _span(height, y1 - y0, scale / stretch, rng)
        piece = source[part_y.first : part_y.last, part_x.first : part_x.last]
        if is_flipped:
            piece = piece[:, ::-1]
        shrinks = part_x.scale < 0.8
        piece = cv2.resize(
            np.ascontiguousarray(piece),
            (part_x.size, part_y.size),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        left, top = x0 + part_x.offset, y0 + part_y.offset
        right, bottom = left + part_x.size, top + part_y.size
        canvas.pixels[top:bottom, left:right] = piece

        boxes = labels.boxes.copy()
        boxes[:, 0::2] = (boxes[:, 0::2] - part_x.first) * part_x.scale
        boxes[:, 1::2] = (boxes[:, 1::2] - part_y.first) * part_y.scale
        if is_flipped:
            boxes[:, 0::2] = part_x.size - boxes[:, 2::-2]
        boxes += np.array([left, top] * 2, np.float32)
        cut = np.clip(boxes, [left, top] * 2, [right, bottom] * 2)
        full = area(boxes)
        visible = area(cut) / np.maximum(full, 1e-6)
        inside = (
            (centres[:, 0] >= left) & (centres[:, 0] < right)
            & (centres[:, 1] >= top) & (centres[:, 1] < bottom)
        )  # fmt: skip
        canvas.known[inside] = np.round(labels.known * 2).astype(np.uint8)
        large = (cut[:, 2:] - cut[:, :2]).min(axis=1, initial=np.inf) >= MIN_SIDE_PX
        is_object = (visible >= MIN_VISIBLE) & large & ~labels.is_ignored
        kept = np.flatnonzero(is_object)
        canvas.boxes.append(cut[kept])
        canvas.heights.append((boxes[:, 3] - boxes[:, 1])[kept])
        canvas.areas.append(full[kept])
        canvas.rows.append((index, kept))
        for place in np.flatnonzero(~is_object & (visible > 0)):
            canvas.ignored.append((cut[place], int(labels.classes[place])))

    def _finish(self, canvas: _Canvas, centres: np.ndarray, frame_side: int) -> Sample:
        boxes = np.concatenate(canvas.boxes)[:MAX_OBJECTS]
        heights = np.concatenate(canvas.heights)[:MAX_OBJECTS]
        areas = np.concatenate(canvas.areas)[:MAX_OBJECTS]

        def gather(name: str) -> np.ndarray:
            parts = [getattr(self.labels[index], name)[kept] for index, kept in canvas.rows]
            return np.concatenate(parts)[:MAX_OBJECTS]

        classes, chances = gather("classes"), gather("chances")
        zones, urgency = self._judge(classes, chances, heights, areas, gather("is_cut"), frame_side)
        is_seen = np.ones(len(centres), bool)
        for (x0, y0, x1, y1), class_index in canvas.ignored:
            inside = (
                (centres[:, 0] >= x0) & (centres[:, 0] <= x1)
                & (centres[:, 1] >= y0) & (centres[:, 1] <= y1)
            )  # fmt: skip
            canvas.known[inside, class_index] = 0
            is_seen[inside] = False
        return Sample(
            torch.from_numpy(np.ascontiguousarray(canvas.pixels.transpose(2, 0, 1))),
            torch.from_numpy(boxes.astype(np.float32)),
            torch.from_numpy(classes),
            torch.from_numpy(chances),
            torch.from_numpy(gather("wanted")),
            torch.from_numpy(zones),
            torch.from_numpy(canvas.known),
            torch.from_numpy(is_seen),
            torch.tensor(urgency),
        )

    def _judge(
        self,
        classes: np.ndarray,
        chances: np.ndarray,
        heights: np.ndarray,
        areas: np.ndarray,
        is_cut: np.ndarray,
        frame_side: int,
    ) -> tuple[np.ndarray, int]:
        """Return the zone of each object and the urgency of the frame (the highest of them)."""
        zones, urgency = np.zeros(len(classes), np.int64), 0
        frame_area = frame_side * frame_side * 3 / 4  # of a frame of 4:3
        for place, class_index in enumerate(classes):
            word = self.words.trained[class_index]
            zones[place] = zone_of(
                box_height_px=float(heights[place]),
                area_share=float(areas[place]) / frame_area,
                class_height_m=word.height_m,
                focal_px=FOCAL_PER_LONGER_SIDE * frame_side,
                is_cut=bool(is_cut[place]),
            )
            if chances[place] >= 0.5:
                level = urgency_of(
                    base_urgency=word.base_urgency, zone=int(zones[place]), group=word.group
                )
                urgency = max(urgency, level)
        return zones, urgency


@dataclass(frozen=True)
class _Span:
    """One axis of a placed photo: pixels [first, last) of it become `size` pixels at `offset`."""

    first: int
    last: int
    size: int
    offset: int
    scale: float


def _span(length: int, room: int, scale: float, rng: np.random.Generator | None) -> _Span:
    """Choose which part of an axis of a photo fits into the room; without rng from its start."""
    place = 0.0 if rng is None else float(rng.random())
    if length * scale <= room:
        size = max(1, round(length * scale))
        return _Span(0, length, size, int(place * (room - size)), size / length)
    taken = max(1, min(length, round(room / scale)))
    first = int(place * (length - taken + 1))
    first = min(first, length - taken)
    return _Span(first, first + taken, room, 0, room / taken)


def join(samples: list[Sample]) -> Batch:
    """Stack samples; lists of objects are padded with chance 0."""
    longest = max(1, max(len(sample.classes) for sample in samples))

    def padded(name: str) -> Tensor:
        parts = [getattr(sample, name) for sample in samples]
        stacked = parts[0].new_zeros((len(parts), longest, *parts[0].shape[1:]))
        for row, part in zip(stacked, parts, strict=True):
            row[: len(part)] = part
        return stacked

    lists = ("boxes", "classes", "chances", "wanted", "zones")
    return Batch(
        **{
            name: padded(name)
            if name in lists
            else torch.stack([getattr(sample, name) for sample in samples])
            for name in Batch._fields
        }
    )


def repeats(labels: Sequence[Labels], words: Vocabulary, *, threshold: float = 0.02) -> np.ndarray:
    """Return how often a photo is drawn in an epoch: more where it shows something rare.

    The square root of threshold over the share of photos with its rarest class, at least 1
    (Gupta et al. 2019, LVIS, repeat-factor sampling). Only sure boxes count.
    """
    shows = np.zeros((len(labels), len(words.trained)), bool)
    for row, one in zip(shows, labels, strict=True):
        row[one.classes[(one.chances == 1) & ~one.is_ignored]] = True
    share = np.maximum(shows.mean(axis=0), 1e-9)
    factor = np.maximum(1.0, np.sqrt(threshold / share))
    return np.where(shows, factor, 1.0).max(axis=1)


def draw_keys(weights: np.ndarray, *, seed: int, epoch: int) -> list[SampleKey]:
    """Draw the samples of one epoch: every photo about as often as its weight says.

    Systematic sampling: the count is the same in each epoch, and no photo is left out.
    """
    rng = np.random.default_rng((seed, epoch))
    count = round(float(weights.sum()))
    ticks = (np.arange(count) + rng.random()) * weights.sum() / count
    chosen = np.minimum(np.searchsorted(np.cumsum(weights), ticks), len(weights) - 1)
    seeds = rng.integers(0, 2**EPOCH_SHIFT, size=count)
    return [
        (int(index), (epoch << EPOCH_SHIFT) + int(one))
        for index, one in zip(rng.permutation(chosen), seeds, strict=True)
    ]
