"""Write a Llama network as an ONNX graph that decodes token by token.

Attention is ONNX Runtime's GroupQueryAttention, which turns queries and keys by their positions
and appends to the cache by itself. The graph is written node by node: traced ones repeat the mask
and the rotation in every layer, and need packages more.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines.llm.fit.gguf_file import require_llama

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OPSET = 17
RUNTIME_DOMAIN = "com.microsoft"
# Weights lie on borders of pages so that ONNX Runtime can map them into memory.
_PAGE = 4096
# Positions the graph knows; more would only make its tables of angles larger.
MAX_POSITIONS = 8192


def write_onnx(network: PreTrainedModel, path: Path) -> None:
    """Write `path` and, beside it, its weights in float32 as `<name>.data`.

    Inputs: input_ids (1, tokens) int64; attention_mask (1, past + tokens) int64 of ones; and for
    each layer past_key_values.<layer>.key and .value (1, key heads, past, head size) float32,
    where past may be 0. Outputs: logits (1, 1, vocabulary) of what follows the last token; and
    present.<layer>.key and .value, which are the past of the next call.

    Args:
        network: a Llama in float32 on the CPU.

    Raises:
        InputError: if the network is another one.
        OSError: if the disk is full.
    """
    require_llama(network)
    with path.with_name(path.name + ".data").open("wb") as data:
        graph = _Graph(network, data).build()
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME_DOMAIN, 1)],
        producer_name="releaf",
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path))


def quantise_onnx(path: Path, out: Path, *, bits: int = 8) -> None:
    """Write the same graph with the weights of its products in int8 or int4.

    Blocks of 32 weights have a scale each, as in GGUF's Q8_0 and Q4_0.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    # It logs two lines for every node.
    logging.getLogger("onnxruntime.quantization").setLevel(logging.WARNING)
    logging.getLogger(MatMulNBitsQuantizer.__module__).setLevel(logging.WARNING)
    quantiser = MatMulNBitsQuantizer(
        onnx.load(path), bits=bits, block_size=32, is_symmetric=True, accuracy_level=4
    )
    quantiser.process()
    quantiser.model.save_model_to_file(str(out), use_external_data_format=True)


class _Graph:
    """Collect nodes and weights."""

    def __init__(self, network: PreTrainedModel, data: BinaryIO) -> None:
        self._network: Any = network
        self._config: Any = network.config
        self._data, self._offset = data, 0
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[TensorProto] = []

    def build(self) -> onnx.GraphProto:
        """Write the weights and return the graph."""
        model = self._network.model
        head = self._network.lm_head.weight
        is_tied = head.data_ptr() == model.embed_tokens.weight.data_ptr()
        # The table of words lies there once, as the matrix of the last product.
        self._weight("head", head.detach().t())
        words = "head" if is_tied else self._weight("words", model.embed_tokens.weight.detach().t())
        self._lengths()
        self._angles()
        columns = self._node("Gather", [words, "input_ids"], "columns", axis=1)
        stream = self._node("Transpose", [columns], "embedded", perm=[1, 2, 0])
        normed = self._first_norm(stream, model.layers[0].input_layernorm)
        for number, layer in enumerate(model.layers):
            attended = self._attention(f"{number}", normed, layer.self_attn)
            normed, stream = self._norm(
                f"{number}.middle", stream, attended, layer.post_attention_layernorm
            )
            fed = self._feed_forward(f"{number}", normed, layer.mlp)
            is_last = number + 1 == len(model.layers)
            norm = model.norm if is_last else model.layers[number + 1].input_layernorm
            normed, stream = self._norm(f"{number}.end", stream, fed, norm)
        last = self._node("Gather", [normed, self._integers("last", [-1])], "last_token", axis=1)
        self._node("MatMul", [last, "head"], "logits")
        return helper.make_graph(
            self._nodes, "llama", self._inputs(), self._outputs(), self._weights
        )

    def _lengths(self) -> None:
        """Tell the attention how many tokens there are with those of the past."""
        total = self._node("ReduceSum", ["attention_mask", self._integers("one_axis", [1])],
                           "total", keepdims=0)  # fmt: skip
        before = self._node("Sub", [total, self._integers("one", [1])], "total_less_one")
        self._node("Cast", [before], "seqlens_k", to=TensorProto.INT32)
        shape = self._node("Shape", ["attention_mask"], "mask_shape", start=1)
        scalar = self._node("Squeeze", [shape, self._integers("first_axis", [0])], "mask_length")
        self._node("Cast", [scalar], "total_sequence_length", to=TensorProto.INT32)

    def _angles(self) -> None:
        """Write cosine and sine of each position, (positions, head size / 2)."""
        positions = min(int(self._config.max_position_embeddings), MAX_POSITIONS)
        with torch.inference_mode():
            cosine, sine = self._network.model.rotary_emb(
                torch.zeros(1, dtype=torch.float32), torch.arange(positions)[None]
            )
        half = cosine.shape[-1] // 2  # both halves are the same
        self._weight("cosine", cosine[0, :, :half])
        self._weight("sine", sine[0, :, :half])

    def _attention(self, at: str, normed: str, layer: Any) -> str:
        config = self._config
        inputs = [
            self._product(f"{at}.{name}", normed, getattr(layer, f"{name}_proj"))
            for name in ("q", "k", "v")
        ]
        inputs += [f"past_key_values.{at}.key", f"past_key_values.{at}.value"]
        inputs += ["seqlens_k", "total_sequence_length", "cosine", "sine"]
        outputs = [f"{at}.attended", f"present.{at}.key", f"present.{at}.value"]
        self._nodes.append(
            helper.make_node(
                "GroupQueryAttention", inputs, outputs, name=f"{at}.attention",
                domain=RUNTIME_DOMAIN, num_heads=config.num_attention_heads,
                kv_num_heads=config.num_key_value_heads, do_rotary=1, rotary_interleaved=0,
            )
        )  # fmt: skip
        return self._product(f"{at}.o", outputs[0], layer.o_proj)

    def _feed_forward(self, at: str, normed: str, layer: Any) -> str:
        gate = self._product(f"{at}.gate", normed, layer.gate_proj)
        up = self._product(f"{at}.up", normed, layer.up_proj)
        opened = self._node(
            "Mul", [gate, self._node("Sigmoid", [gate], f"{at}.open")], f"{at}.silu"
        )
        return self._product(
            f"{at}.down", self._node("Mul", [opened, up], f"{at}.fed"), layer.down_proj
        )

    def _first_norm(self, stream: str, norm: Any) -> str:
        """Normalise by the root of the mean square, in ONNX's own operators."""
        squared = self._node("Mul", [stream, stream], "first.squared")
        mean = self._node("ReduceMean", [squared], "first.mean", axes=[-1])
        epsilon = self._weight("epsilon", torch.tensor([norm.variance_epsilon]))
        root = self._node("Sqrt", [self._node("Add", [mean, epsilon], "first.safe")], "first.root")
        scaled = self._node("Div", [stream, root], "first.scaled")
        return self._node("Mul", [scaled, self._weight("first.scale", norm.weight)], "first.normed")

    def _norm(self, at: str, stream: str, added: str, norm: Any) -> tuple[str, str]:
        """Add to the stream and normalise the sum; return both."""
        normed, total = f"{at}.normed", f"{at}.stream"
        self._nodes.append(
            helper.make_node(
                "SkipSimplifiedLayerNormalization",
                [stream, added, self._weight(f"{at}.scale", norm.weight)],
                [normed, "", "", total],
                name=f"{at}.norm",
                domain=RUNTIME_DOMAIN,
                epsilon=float(norm.variance_epsilon),
            )
        )
        return normed, total

    def _product(self, name: str, given: str, linear: Any) -> str:
        return self._node(
            "MatMul", [given, self._weight(f"{name}.weight", linear.weight.t())], name
        )

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _integers(self, name: str, values: list[int]) -> str:
        self._weights.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def _weight(self, name: str, values: torch.Tensor) -> str:
        """Append a weight to its file; only one at a time is held in memory."""
        array: NDArray[np.float32] = np.ascontiguousarray(values.detach().float().numpy())
        self._data.write(b"\0" * (-self._offset % _PAGE))
        self._offset += -self._offset % _PAGE
        tensor = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (
            ("location", Path(self._data.name).name),
            ("offset", self._offset),
            ("length", array.nbytes),
        ):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        self._data.write(cast(Any, array).data)
        self._offset += array.nbytes
        self._weights.append(tensor)
        return name

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        integers = TensorProto.INT64
        return [
            helper.make_tensor_value_info("input_ids", integers, [1, "tokens"]),
            helper.make_tensor_value_info("attention_mask", integers, [1, "total"]),
            *self._cache("past_key_values", "past"),
        ]

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        shape = [1, 1, self._config.vocab_size]
        return [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape),
            *self._cache("present", "total"),
        ]

    def _cache(self, name: str, tokens: str) -> list[onnx.ValueInfoProto]:
        config = self._config
        shape = [1, config.num_key_value_heads, tokens, config.head_dim]
        return [
            helper.make_tensor_value_info(f"{name}.{layer}.{part}", TensorProto.FLOAT, shape)
            for layer in range(config.num_hidden_layers)
            for part in ("key", "value")
        ]
