"""Training data of the waste engine: photos, their split, and how a photo becomes a sample."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from cv2.typing import MatLike
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from engines.runtime.fit import SampleKey
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.waste.feedback import FeedbackLog
from engines.waste.fit.cutouts import cut_out, paste, plain_background
from engines.waste.taxonomy import BINS, ITEM_BY_ID, ITEMS, MATERIALS

ensure_torchvision()

from torchvision.transforms import v2  # noqa: E402

NO_LABEL = -1  # cross-entropy leaves these out: the photo shows none of the items
# Detection classes that look like one of our items: their photos are no examples of "not waste".
NOT_NEGATIVE = {"bottle", "cup", "tv_monitor"}
# Sources whose photos may be used as examples of "not waste" (no NC or ND licences among them).
NEGATIVE_SOURCES = {"voc2007", "doordetect", "roadsign"}
DEV_SHARE = 0.07
DHASH_DISTANCE = 6


@dataclass(frozen=True)
class Photo:
    """One training photo; item, material and bin are None where it shows no waste."""

    path: Path
    item: str | None
    material: str | None
    bin: str | None
    source: str
    split: str  # train, dev or val

    @property
    def labels(self) -> tuple[int, int, int]:
        """Indices of item, material and bin, or NO_LABEL three times."""
        if self.item is None or self.material is None or self.bin is None:
            return NO_LABEL, NO_LABEL, NO_LABEL
        return ITEMS.index(self.item), MATERIALS.index(self.material), BINS.index(self.bin)


def read_rgb(path: Path) -> MatLike:
    """Decode a training photo to RGB (H, W, 3).

    Raises:
        ValueError: if the file is no picture.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} can't be read as a picture")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def load_photos(waste_dir: Path) -> list[Photo]:
    """Read labels.csv of a waste pack; unless it has a dev split, a part of train becomes it.

    Everything that is chosen (epoch, input size, resize) is chosen on dev; val is only reported
    on, and calibrated on by cross-fitting. Look-alikes (64-bit dHash within 6) stay together.
    """
    with (waste_dir / "labels.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    photos = [
        Photo(waste_dir / r["file"], r["item"], r["material"], r["bin"], r["source"], r["split"])
        for r in rows
    ]
    if any(photo.split == "dev" for photo in photos):  # the pack has its own
        return photos
    train = [photo for photo in photos if photo.split == "train"]
    is_dev = _choose_dev(train)
    moved = [
        Photo(p.path, p.item, p.material, p.bin, p.source, "dev" if dev else "train")
        for p, dev in zip(train, is_dev, strict=True)
    ]
    return moved + [photo for photo in photos if photo.split == "val"]


def load_negatives(detection_dir: Path) -> list[Photo]:
    """Read photos that show no waste item from the detection pack; its split is kept.

    A photo counts where no bottle, cup or screen is marked in it. The pack's val photos are halved
    by the hash of their name into dev and val.
    """
    negatives = []
    for split in ("train", "val"):
        pack = json.loads((detection_dir / f"{split}.json").read_text())
        names = {category["id"]: category["name"] for category in pack["categories"]}
        excluded = {
            mark["image_id"]
            for mark in pack["annotations"]
            if names[mark["category_id"]] in NOT_NEGATIVE
            or mark.get("handle_on") in ("refrigerator_door",)
        }
        for image in pack["images"]:
            if image["source"] not in NEGATIVE_SOURCES or image["id"] in excluded:
                continue
            part = split
            if split == "val" and stable_hash(image["file_name"]) % 2:
                part = "dev"
            path = detection_dir / "images" / image["file_name"]
            negatives.append(Photo(path, None, None, None, image["source"], part))
    return negatives


def load_feedback(log: Path, folder: Path) -> list[Photo]:
    """Turn corrections with a photo into training photos; the JPEGs are unpacked into `folder`.

    The item's likeliest material is assumed, since people are only asked for the item.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for index, correction in enumerate(FeedbackLog(log).read()):
        if not correction.photo_jpeg:
            continue
        path = folder / f"{index:06d}.jpg"
        path.write_bytes(base64.b64decode(correction.photo_jpeg))
        if correction.said in ITEM_BY_ID:
            item = ITEM_BY_ID[correction.said]
            photos.append(Photo(path, item.id, item.materials[0], item.bin, "feedback", "train"))
        else:
            photos.append(Photo(path, None, None, None, "feedback", "train"))
    return photos


def stable_hash(text: str) -> int:
    """Hash a text to the same 64-bit number on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _difference_hash(path: Path) -> MatLike:
    grey = cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    return (small[:, 1:] > small[:, :-1]).astype(np.uint8).ravel()


def _choose_dev(photos: Sequence[Photo]) -> list[bool]:
    """Mark about DEV_SHARE of each item, by whole groups of look-alikes."""
    bits = np.stack([_difference_hash(photo.path) for photo in photos]).astype(np.int16)
    group = np.arange(len(photos))

    def root(index: int) -> int:
        while group[index] != index:
            index = int(group[index])
        return index

    for index in range(1, len(photos)):
        distance = np.abs(bits[:index] - bits[index]).sum(axis=1)
        for other in np.flatnonzero(distance <= DHASH_DISTANCE):
            group[root(int(other))] = root(index)
    roots = [root(index) for index in range(len(photos))]
    sizes = Counter(roots)
    wanted = {item: DEV_SHARE * count for item, count in Counter(p.item for p in photos).items()}
    dev: set[int] = set()
    for index in sorted(range(len(photos)), key=lambda i: stable_hash(photos[i].path.name)):
        item = photos[index].item
        if roots[index] not in dev and wanted[item] >= 1 and sizes[roots[index]] <= 8:
            dev.add(roots[index])
            for member in (i for i, r in enumerate(roots) if r == roots[index]):
                wanted[photos[member].item] -= 1
    return [r in dev for r in roots]


class WasteDataset(Dataset[tuple[Tensor, tuple[int, int, int]]]):
    """Photos as augmented samples; the key (index, seed) decides everything random.

    Returns:
        pixels (3, size, size) in [-1, 1] and the indices of item, material, bin.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        size: int,
        backgrounds: Sequence[Path],
        cutout_dir: Path,
        paste_share: float = 0.4,
        min_crop: float = 0.45,
    ) -> None:
        self.photos, self.size = list(photos), size
        self.backgrounds, self.cutout_dir = list(backgrounds), cutout_dir
        self.paste_share = paste_share
        self.geometry = v2.Compose(
            [
                v2.RandomResizedCrop(size, (min_crop, 1.0), ratio=(0.7, 1.43), antialias=True),
                v2.RandomHorizontalFlip(),
            ]
        )
        self.colour = v2.Compose(
            [
                v2.ColorJitter(0.35, 0.3, 0.3, 0.05),
                v2.RandomGrayscale(0.05),
                v2.RandomApply([v2.GaussianBlur(5, (0.3, 2.0))], p=0.2),
            ]
        )
        self.erase = v2.RandomErasing(p=0.2, scale=(0.02, 0.15))

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, key: SampleKey) -> tuple[Tensor, tuple[int, int, int]]:
        index, seed = key
        photo = self.photos[index]
        rng = np.random.default_rng(seed)
        pixels = read_rgb(photo.path)
        mask = self._mask(photo) if photo.item and rng.random() < self.paste_share else None
        if mask is not None:
            pixels = self.move(pixels, mask, rng)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pixels = rotate(pixels, rng.uniform(-15, 15))
            image = self.geometry(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
            image = jpeg(self.colour(image), rng).float().div_(127.5).sub_(1)
            image = white_balance(image, rng)
            if rng.random() < 0.3:
                image = image + torch.randn(image.shape) * float(rng.uniform(0.02, 0.1))
            image = self.erase(image.clamp_(-1, 1))
        return image, photo.labels

    def move(self, pixels: MatLike, mask: MatLike, rng: np.random.Generator) -> MatLike:
        """Paste the thing on another background: (H, W, 3) -> (256, 256, 3)."""
        side = 256
        if not self.backgrounds or rng.random() < 0.35:
            background = plain_background(side, rng)
        else:
            path = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
            background = square_crop(read_rgb(path), side, rng)
        return paste(pixels, mask, background, scale=float(rng.uniform(0.45, 1.0)), rng=rng)

    def _mask(self, photo: Photo) -> MatLike | None:
        path = cutout_path(photo, self.cutout_dir)
        return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None


def rotate(pixels: MatLike, angle_deg: float) -> MatLike:
    """Rotate a picture about its centre; the corners are mirrored, not black."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0)
    return cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def jpeg(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Pass some of the images, uint8 (3, H, W), through JPEG as a messenger app would."""
    if rng.random() >= 0.25:
        return image
    encoded = io.BytesIO()
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.save(encoded, "JPEG", quality=int(rng.integers(25, 85)))
    return torch.from_numpy(np.array(Image.open(encoded))).permute(2, 0, 1)


def white_balance(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Scale the three channels of an image in [-1, 1] as another lamp or camera would."""
    gains = torch.tensor(np.exp(rng.normal(0, 0.08, 3)), dtype=image.dtype)
    return ((image + 1) * gains[:, None, None] - 1).clamp_(-1, 1)


def square_crop(pixels: MatLike, side: int, rng: np.random.Generator) -> MatLike:
    """Cut a random square of half to all of the shorter side and resize it to (side, side, 3)."""
    height, width = pixels.shape[:2]
    length = int(min(height, width) * rng.uniform(0.5, 1.0))
    y, x = int(rng.integers(height - length + 1)), int(rng.integers(width - length + 1))
    return cv2.resize(pixels[y : y + length, x : x + length], (side, side))


def cutout_path(photo: Photo, cutout_dir: Path) -> Path:
    """Where the mask of a photo is kept."""
    return cutout_dir / f"{photo.item}_{photo.path.stem}.png"


def make_cutouts(photos: Iterable[Photo], cutout_dir: Path) -> int:
    """Cut out every photo that allows it, once; return how many masks there are."""
    cutout_dir.mkdir(parents=True, exist_ok=True)
    done = cutout_dir / "done"
    if not done.exists():
        for photo in photos:
            mask = cut_out(read_rgb(photo.path))
            if mask is not None:
                cv2.imwrite(str(cutout_path(photo, cutout_dir)), mask)
        done.touch()
    return len(list(cutout_dir.glob("*.png")))


def draw_keys(
    photos: Sequence[Photo], *, count: int, negative_share: float, seed: int, epoch: int
) -> list[SampleKey]:
    """Draw the samples of one epoch: every item equally often, sources evened out within an item.

    A photo's weight is 1/sqrt(photos of its item from its source), scaled so that all items weigh
    the same; photos without waste get `negative_share` of the draws.
    """
    rng = np.random.default_rng((seed, epoch))
    by_source = Counter((photo.item, photo.source) for photo in photos)
    weights = np.array([by_source[p.item, p.source] ** -0.5 for p in photos])
    total: dict[str | None, float] = {}
    for photo, weight in zip(photos, weights, strict=True):
        total[photo.item] = total.get(photo.item, 0.0) + weight
    items = len([name for name in total if name is not None])
    for index, photo in enumerate(photos):
        share = negative_share if photo.item is None else (1 - negative_share) / items
        weights[index] *= share / total[photo.item]
    chosen = rng.choice(len(photos), size=count, p=weights / weights.sum())
    seeds = rng.integers(0, 2**31, size=count)
    return [(int(index), int(sample)) for index, sample in zip(chosen, seeds, strict=True)]
