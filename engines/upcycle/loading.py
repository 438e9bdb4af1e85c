"""Read everything that the upcycling engine needs, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engines.runtime.device import Placement
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.kept_vectors import KeptVectors
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder, open_encoder
from engines.runtime.weights import Card, find_weights, load_card, load_tensors
from engines.upcycle.blend import ENCODER, Blend
from engines.upcycle.features import Projection
from engines.upcycle.inference import NodeEmbeddings
from engines.upcycle.knowledge import Knowledge, id_of, kind_of, read_knowledge
from engines.upcycle.linking import Linker
from engines.upcycle.model import NETWORKS, GraphNetwork
from engines.upcycle.naming import Names
from engines.upcycle.project_linking import ProjectLinker
from engines.upcycle.safety import SafetyRules
from engines.upcycle.schema import ProjectRecord
from engines.upcycle.tensors import (
    GraphData,
    graph_data,
    messages_of,
    pair_matrix,
    property_matrices,
)

CHECKPOINT = "upcycle"


@dataclass(frozen=True)
class Checkpoint:
    """What was trained: networks in evaluation mode by name, and how their scores are blended."""

    projection: Projection
    networks: Mapping[str, GraphNetwork]
    blends: Mapping[str, Blend]
    winner: str
    card: Card


@dataclass(frozen=True)
class Loaded:
    """Everything that was read and computed at loading; replaced as a whole, never changed.

    Attributes:
        projects: in the order of the columns of every score; `project_words` (P, E) embeds them.
        documented: (I, P) known pairs.
        requirements: (P, Q), how much each project's requirement counts, rare ones more;
            `required` (P,) are its sums, `rarity` (Q,) what a requirement counts.
        property_row, item_row, project_row: id -> column of `requirements`, row of `documented`
            and column of `documented`.
    """

    knowledge: Knowledge
    data: GraphData
    linker: Linker
    project_linker: ProjectLinker
    rules: SafetyRules
    projection: Projection
    networks: Mapping[str, NodeEmbeddings]
    blends: Mapping[str, Blend]
    winner: str
    card: Card
    projects: tuple[ProjectRecord, ...]
    project_words: NDArray[np.float32]
    documented: NDArray[np.bool_]
    requirements: NDArray[np.float64]
    required: NDArray[np.float64]
    rarity: NDArray[np.float64]
    property_row: Mapping[str, int]
    item_row: Mapping[str, int]
    project_row: Mapping[str, int]

    def marked(self, properties: Iterable[str]) -> NDArray[np.float64]:
        """Mark some of the properties with 1, (Q,)."""
        row = np.zeros(len(self.property_row))
        row[[self.property_row[name] for name in properties]] = 1.0
        return row


def read_everything(settings: Settings, placement: Placement) -> Loaded:
    """Read facts, encoder and networks, and embed every node.

    Raises:
        InputError: if a file of facts does not fit; it names file and line.
        WeightsMissingError, WeightsCorruptError: if a model is not there or damaged.
    """
    knowledge = read_knowledge(settings.graph_dir)
    checkpoint = read_checkpoint(settings)
    encoder = open_encoder(ENCODER, settings, placement)
    names = Names(knowledge, encoder.words, encoder.count_tokens)
    kept = KeptVectors(
        encoder,
        settings.cache_dir / vectors_file(encoder),
        settings.vectors_dir / vectors_file(encoder),
        width=encoder.width,
    )
    data = graph_data(knowledge, kept)
    linker = Linker(knowledge, names, kept)
    project_linker = ProjectLinker(knowledge, names, kept, data.embeddings[data.projects])
    kept.keep()
    return assemble(knowledge, data, checkpoint, linker, project_linker)


def vectors_file(encoder: DenseEncoder) -> Path:
    """Return where the vectors of the graph's texts are kept, inside of a folder for vectors."""
    return Path("upcycle") / encoder.name / "vectors.safetensors"


def read_checkpoint(settings: Settings) -> Checkpoint:
    """Read the networks and their card.

    Raises:
        WeightsMissingError, WeightsCorruptError: if the checkpoint is not there or damaged.
    """
    source = find_weights(CHECKPOINT, settings=settings)
    card = load_card(source.path.parent)
    if card is None:
        raise WeightsCorruptError(f"{source.path.parent} has no card.", "Restore the folder.")
    tensors = load_tensors(source.path)
    try:
        projection = Projection(
            tensors["projection.mean"].numpy(),
            tensors["projection.components"].numpy(),
            float(tensors["projection.scale"]),
        )
        networks = {}
        for name, network_class in NETWORKS.items():
            network = network_class()
            own = {
                key.removeprefix(f"{name}."): value.float() if value.is_floating_point() else value
                for key, value in tensors.items()
                if key.startswith(f"{name}.")
            }
            network.load_state_dict(own)
            networks[name] = network.eval()
        inference = card.raw["inference"]
        blends = {
            name: Blend(tuple(entry["weights"]), float(entry["bias"]))
            for name, entry in inference["blend"].items()
        }
        winner = str(inference["winner"])
        if winner not in networks or set(blends) != set(networks):
            raise ValueError(f"no network or blend '{winner}'")
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise WeightsCorruptError(
            f"The upcycling checkpoint in {source.path.parent} does not fit.",
            "Restore the folder, or train it anew: python -m engines.upcycle.fit.evaluate",
        ) from error
    return Checkpoint(projection, networks, blends, winner, card)


def assemble(
    knowledge: Knowledge,
    data: GraphData,
    checkpoint: Checkpoint,
    linker: Linker,
    project_linker: ProjectLinker,
) -> Loaded:
    """Embed every node and put everything together."""
    x = torch.from_numpy(checkpoint.projection(data.embeddings, data.kinds))
    messages = messages_of(data, data.pairs)
    _, _, requires = property_matrices(data)
    rarity = np.log(len(requires) / np.maximum(1, requires.sum(axis=0)))
    requirements = requires * rarity
    projects = tuple(knowledge.projects[id_of(data.nodes[place])] for place in data.projects)
    return Loaded(
        knowledge=knowledge,
        data=data,
        linker=linker,
        project_linker=project_linker,
        rules=SafetyRules(knowledge),
        projection=checkpoint.projection,
        networks={
            name: NodeEmbeddings(network, data.nodes, x, messages)
            for name, network in checkpoint.networks.items()
        },
        blends=checkpoint.blends,
        winner=checkpoint.winner,
        card=checkpoint.card,
        projects=projects,
        project_words=data.embeddings[data.projects],
        documented=pair_matrix(data, [data.pairs]),
        requirements=requirements,
        required=requirements.sum(axis=1),
        rarity=rarity,
        property_row=_rows([id_of(n) for n in data.nodes if kind_of(n) == "property"]),
        item_row=_rows([id_of(data.nodes[place]) for place in data.items]),
        project_row=_rows([project.id for project in projects]),
    )


def _rows(names: Sequence[str]) -> Mapping[str, int]:
    return {name: row for row, name in enumerate(names)}
