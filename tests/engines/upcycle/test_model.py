"""The networks: shapes, gradients, and equal answers for equal graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import Settings
from engines.upcycle.blend import Blend, parts_of
from engines.upcycle.inference import NodeEmbeddings
from engines.upcycle.loading import Loaded, read_checkpoint
from engines.upcycle.model import (
    ATTENTION_DROPOUT,
    DROPOUT,
    EDGE_TYPES,
    HEADS,
    NETWORKS,
    SLOPE,
    Gat,
    GraphNetwork,
    GraphSage,
    Messages,
    RelationalSage,
    score,
)

N, E = 30, 120


@pytest.fixture
def graph() -> tuple[Tensor, Messages]:
    """Return features, (30, 128), and 120 random edges."""
    torch.manual_seed(0)
    return torch.randn(N, 128), Messages(
        torch.randint(0, N, (2, E)), torch.randint(0, len(EDGE_TYPES), (E,))
    )


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> GraphNetwork:
    """Return each network in turn, fresh, in evaluation mode."""
    torch.manual_seed(1)
    return NETWORKS[request.param]().eval()


def test_layers_are_128_256_256_128_wide(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    assert [tuple(s.shape) for s in network.layers_of(*graph)] == [
        (N, 128), (N, 256), (N, 256), (N, 128),
    ]  # fmt: skip
    assert network.encode(*graph).isfinite().all()


def test_the_reference_design_is_followed() -> None:
    sage, gat = GraphSage(), Gat()
    assert [(c.in_channels, c.out_channels) for c in sage.convolutions] == [
        ((128, 128), 256), ((256, 256), 256), ((256, 256), 128),
    ]  # fmt: skip
    assert all(type(c.aggr_module).__name__ == "MeanAggregation" for c in sage.convolutions)
    assert [c.heads for c in gat.convolutions] == [HEADS] * 3 == [4] * 3
    assert all(c.negative_slope == SLOPE == 0.2 for c in gat.convolutions)
    assert DROPOUT == 0.3 and 0 < ATTENTION_DROPOUT < 1
    assert all(len(network().norms) == 2 for network in (GraphSage, Gat, RelationalSage))


def test_an_answer_is_the_same_twice_and_dropout_only_works_in_training(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    assert torch.equal(network.encode(*graph), network.encode(*graph))
    network.train()
    assert not torch.equal(network.encode(*graph), network.encode(*graph))


def test_gradients_reach_every_weight(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    network.train()
    network.encode(*graph).square().sum().backward()
    for name, weights in network.named_parameters():
        assert weights.grad is not None and weights.grad.isfinite().all(), name
        assert weights.grad.abs().sum() > 0, name


def test_renumbering_the_nodes_renumbers_the_answer(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    order = torch.randperm(N)
    place = torch.argsort(order)
    moved = Messages(place[messages.edge_index], messages.edge_type)
    expected = network.encode(x, messages)[order]
    assert torch.allclose(network.encode(x[order], moved), expected, atol=1e-5)


def test_the_order_of_the_edges_does_not_count(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    order = torch.randperm(E)
    shuffled = Messages(messages.edge_index[:, order], messages.edge_type[order])
    assert torch.allclose(network.encode(x, shuffled), network.encode(x, messages), atol=1e-5)


def test_only_the_relational_network_knows_edge_types(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    other = Messages(messages.edge_index, (messages.edge_type + 1) % len(EDGE_TYPES))
    is_same = torch.allclose(network.encode(x, other), network.encode(x, messages), atol=1e-5)
    assert is_same == (not isinstance(network, RelationalSage))


def test_a_node_without_neighbours_has_an_embedding(network: GraphNetwork) -> None:
    nothing = Messages(torch.zeros((2, 0), dtype=torch.long), torch.zeros(0, dtype=torch.long))
    z = network.encode(torch.randn(3, 128), nothing)
    assert z.isfinite().all() and not torch.allclose(z[0], z[1])


def test_the_relational_layer_averages_each_relation_by_itself() -> None:
    torch.manual_seed(2)
    network = RelationalSage().eval()
    # Nodes 1 and 2 tell node 0 something by relation 3, node 3 by relation 5.
    messages = Messages(torch.tensor([[1, 2, 3], [0, 0, 0]]), torch.tensor([3, 3, 5]))
    weights = [
        sum(mix * base for mix, base in zip(network.mixes[2][kind], network.bases[2], strict=True))
        for kind in (3, 5)
    ]
    h = torch.randn(4, 256)
    expected = network.selves[2](h[:1]) + (h[1:2] + h[2:3]) / 2 @ weights[0] + h[3:] @ weights[1]
    assert torch.allclose(network.step(2, h, h, messages)[:1], expected, atol=1e-4)


def test_attention_on_a_node_adds_up_to_one(graph: tuple[Tensor, Messages]) -> None:
    x, messages = graph
    weights = Gat().eval().attention(x, messages)
    assert weights.shape == (E,) and (weights >= 0).all()
    sums = torch.zeros(N).index_add(0, messages.edge_index[1], weights)
    heard = torch.unique(messages.edge_index[1])
    assert torch.allclose(sums[heard], torch.ones(len(heard)), atol=1e-5)
    assert GraphSage().eval().attention(x, messages) is None


def test_a_pair_is_scored_by_the_dot_product() -> None:
    left, right = torch.randn(5, 128), torch.randn(5, 128)
    assert torch.allclose(score(left, right), torch.einsum("pd,pd->p", left, right), atol=1e-5)
    assert torch.sigmoid(score(left[:1], left[:1])) > 0.5


def test_leaving_edges_out_leaves_out_just_those(graph: tuple[Tensor, Messages]) -> None:
    messages = graph[1]
    is_dropped = torch.zeros(E, dtype=torch.bool)
    is_dropped[[3, 7]] = True
    kept = messages.without(is_dropped)
    assert kept.edge_index.shape == (2, E - 2) and kept.edge_type.shape == (E - 2,)
    assert torch.equal(kept.edge_index, messages.edge_index[:, ~is_dropped])


def embeddings_of(network: GraphNetwork, graph: tuple[Tensor, Messages]) -> NodeEmbeddings:
    return NodeEmbeddings(network, [f"item:n{number}" for number in range(N)], *graph)


def test_a_new_node_gets_what_it_would_get_as_a_node_that_only_listens(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    known = embeddings_of(network, graph)
    features = np.random.default_rng(0).standard_normal(128).astype(np.float32)
    ties = [("rev_made_of", "item:n3"), ("rev_has_form", "item:n8"), ("rev_made_of", "item:n9")]
    added = torch.tensor([[3, 8, 9], [N, N, N]])
    types = torch.tensor([EDGE_TYPES.index(relation) for relation, _ in ties])
    whole = network.encode(
        torch.cat([x, torch.from_numpy(features)[None]]),
        Messages(
            torch.cat([messages.edge_index, added], dim=1), torch.cat([messages.edge_type, types])
        ),
    )
    assert known.new_node(features, ties) == pytest.approx(whole[-1].detach().numpy(), abs=1e-4)
    # What was known stays as it was.
    assert known.z == pytest.approx(whole[:-1].detach().numpy(), abs=1e-4)


def test_a_new_node_without_ties_is_told_by_its_own_features(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    known = embeddings_of(network, graph)
    one, two = np.random.default_rng(0).standard_normal((2, 128)).astype(np.float32)
    assert np.isfinite(known.new_node(one, [])).all()
    assert not np.allclose(known.new_node(one, []), known.new_node(two, []))


def test_a_logit_without_edges_equals_that_of_the_smaller_graph(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    known = embeddings_of(network, graph)
    a, b = messages.edge_index[:, 0].tolist()
    pair = (f"item:n{a}", f"item:n{b}")
    z = known.z
    assert known.logit(*pair) == pytest.approx(float(z[a] @ z[b]), rel=1e-3, abs=1e-3)
    sources, targets = messages.edge_index
    is_dropped = ((sources == a) & (targets == b)) | ((sources == b) & (targets == a))
    smaller = network.encode(x, messages.without(is_dropped))
    expected = float((smaller[a] @ smaller[b]).detach())
    assert known.logit(*pair, without=[pair]) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert known.logit(*pair, without=[pair[::-1]]) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_new_logit_without_edges_equals_that_of_the_smaller_graph(
    network: GraphNetwork, graph: tuple[Tensor, Messages]
) -> None:
    x, messages = graph
    sources, targets = messages.edge_index
    dropped = [(int(sources[n]), int(targets[n])) for n in (0, 5, 9)]
    marked = torch.zeros(E, dtype=torch.bool)
    for a, b in dropped:
        marked |= ((sources == a) & (targets == b)) | ((sources == b) & (targets == a))
    features = np.random.default_rng(0).standard_normal(128).astype(np.float32)
    ties = [("rev_made_of", f"item:n{dropped[0][0]}"), ("rev_has_form", "item:n8")]
    without = [(f"item:n{a}", f"item:n{b}") for a, b in dropped]
    target = f"item:n{dropped[1][1]}"
    found = embeddings_of(network, graph).new_logit(features, ties, target, without=without)
    smaller = embeddings_of(network, (x, messages.without(marked)))
    expected = float(smaller.new_node(features, ties) @ smaller.z[dropped[1][1]])
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_all_three_networks_of_the_checkpoint_answer(loaded: Loaded) -> None:
    checkpoint = read_checkpoint(Settings())
    assert set(checkpoint.networks) == set(NETWORKS) == set(loaded.networks)
    assert checkpoint.winner in NETWORKS
    for name, network in checkpoint.networks.items():
        assert type(network) is NETWORKS[name] and not network.training
        z = loaded.networks[name].z
        assert z.shape == (len(loaded.data.nodes), 128) and np.isfinite(z).all()
        # Trained, not random: known pairs score higher than the others.
        logits = z[loaded.data.items] @ z[loaded.data.projects].T
        known = loaded.documented
        assert logits[known].mean() > logits[~known].mean() + logits[~known].std()


def test_a_checkpoint_that_does_not_fit_is_refused_in_words(
    loaded: Loaded, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    from engines.runtime.weights import find_weights
    from engines.upcycle import loading

    source = find_weights(loading.CHECKPOINT, settings=Settings()).path
    tensors = load_file(source)
    tensors.pop("gat.norms.0.weight")
    folder = tmp_path / loading.CHECKPOINT
    folder.mkdir()
    save_file(tensors, folder / source.name)
    (folder / "card.json").write_text((source.parent / "card.json").read_text())
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(tmp_path))
    settings = Settings()
    assert find_weights(loading.CHECKPOINT, settings=settings).path.parent == folder
    with pytest.raises(WeightsCorruptError, match="does not fit"):
        read_checkpoint(settings)


def test_the_blend_by_hand() -> None:
    parts = parts_of(np.array([0.0, 8.0]), np.array([0.5, 1.0]), np.array([0.2, 0.0]))
    assert parts == pytest.approx(np.array([[0.0, 0.5, 0.2], [np.tanh(1.0), 1.0, 0.0]]))
    blend = Blend((1.0, 2.0, -5.0), 0.0)
    assert blend.logits(parts) == pytest.approx([0.0, np.tanh(1.0) + 2.0])
    assert blend.probability(parts)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("bias", [-1e4, 1e4])
def test_the_blend_stays_within_0_and_1_without_a_warning(bias: float) -> None:
    with np.errstate(all="raise"):
        value = float(Blend((0.0, 0.0, 0.0), bias).probability(np.zeros(3)))
    assert 0.0 <= value <= 1.0 and round(value) == (bias > 0)
