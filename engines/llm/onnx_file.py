"""Write a Llama network as an ONNX graph that decodes token by token.

Attention is ONNX Runtime's GroupQueryAttention, which turns queries and keys by their positions
and appends to the cache by itself. The graph is written node by node: traced ones repeat the mask
and the rotation in every layer, and need packages more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines.llm.gguf_file import require_llama
from engines.runtime.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OPSET = 17
RUNTIME_DOMAIN = "com.microsoft"
# Weights lie on borders of pages so that ONNX Runtime can map them into memory.
_PAGE = 4096
# Positions the graph knows; more would only make its tables of angles larger.
MAX_POSITIONS = 8192
# So many weights in a row share a scale, as in GGUF's Q8_0.
BLOCK = 32

OnnxWeights = Literal["float32", "int8"]


def write_onnx(network: PreTrainedModel, path: Path, *, weights: OnnxWeights = "float32") -> None:
    """Write `path` and, beside it, its weights as `<name>.data`.

    Inputs: input_ids (1, tokens) int64; attention_mask (1, past + tokens) int64 of ones; and for
    each layer past_key_values.<layer>.key and .value (1, key heads, past, head size) float32,
    where past may be 0. Outputs: logits (1, 1, vocabulary) of what follows the last token; and
    present.<layer>.key and .value, which are the past of the next call. Past and present may be
    the same memory with room for more tokens than the mask counts; then nothing is copied.

    Args:
        network: a Llama on the CPU, in any precision.
        weights: float32 writes what the network computes; int8 rounds the weights of its products
            in blocks of 32, which reads a quarter of the memory for each token.

    Raises:
        InputError: if the network is another one, or its rows are no whole blocks.
        OSError: if the disk is full.
    """
    require_llama(network)
    if weights == "int8" and (network.config.hidden_size % BLOCK
                              or network.config.intermediate_size % BLOCK):  # fmt: skip
        raise InputError(
            f"The rows of this model's weights are no multiple of {BLOCK}.",
            "Write it with weights in float32.",
        )
    with path.with_name(path.name + ".data").open("wb") as data:
        graph = _Graph(network, data, weights).build()
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME_DOMAIN, 1)],
        producer_name="releaf",
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path))


def quantise_blocks(weight: torch.Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Round each block of a row to 255 steps, symmetric about 0.

    Args:
        weight: (rows, columns), columns a multiple of `BLOCK`.

    Returns:
        (rows, blocks, BLOCK) uint8 and (rows, blocks) scales; weight = (uint8 - 128) * scale.
    """
    blocks = weight.detach().float().reshape(len(weight), -1, BLOCK)
    scale = blocks.abs().amax(dim=2).clamp(min=1e-8) / 127.0
    steps = (blocks / scale[..., None]).round().clamp(-127, 127) + 128
    return steps.to(torch.uint8).numpy(), scale.numpy()


class _Graph:
    """Collect nodes and weights."""

    def __init__(self, network: PreTrainedModel, data: BinaryIO, weights: OnnxWeights) -> None:
        self._network: Any = network
        self._config: Any = network.config
        self._is_int8 = weights == "int8"
        self._data, self._offset = data, 0
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[TensorProto] = []

    def build(self) -> onnx.GraphProto:
        """Write the weights and return the graph."""
        model = self._network.model
        head = self._network.lm_head.weight
        is_tied = head.data_ptr() == model.embed_tokens.weight.data_ptr()
        if self._is_int8:
            # The table is only looked up, so float16 costs no time.
            self._array("words", model.embed_tokens.weight.detach().half().numpy())
            rows = self._node("Gather", ["words", "input_ids"], "rows", axis=0)
            stream = self._node("Cast", [rows], "embedded", to=TensorProto.FLOAT)
        else:
            # The table of words lies there once, as the matrix of the last product.
            self._weight("head", head.detach().t())
            words = "head" if is_tied else "words"
            if not is_tied:
                self._weight("words", model.embed_tokens.weight.detach().t())
            columns = self._node("Gather", [words, "input_ids"], "columns", axis=1)
            stream = self._node("Transpose", [columns], "embedded", perm=[1, 2, 0])
        self._lengths()
        self._angles()
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
        if self._is_int8:
            self._int8_product("logits", last, head)
        else:
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
        if self._is_int8:
            return self._int8_product(name, given, linear.weight)
        return self._node(
            "MatMul", [given, self._weight(f"{name}.weight", linear.weight.t())], name
        )

    def _int8_product(self, name: str, given: str, weight: torch.Tensor) -> str:
        steps, scales = quantise_blocks(weight)
        inputs = [
            given,
            self._array(f"{name}.steps", steps),
            self._array(f"{name}.scales", scales.reshape(-1)),
        ]
        rows, columns = weight.shape
        # Accuracy level 4: the inputs are rounded to int8, too, block by block.
        self._nodes.append(
            helper.make_node(
                "MatMulNBits", inputs, [name], name=name, domain=RUNTIME_DOMAIN,
                K=columns, N=rows, bits=8, block_size=BLOCK, accuracy_level=4,
            )
        )  # fmt: skip
        return name

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _integers(self, name: str, values: list[int]) -> str:
        self._weights.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def _weight(self, name: str, values: torch.Tensor) -> str:
        return self._array(name, values.detach().float().numpy())

    def _array(self, name: str, values: NDArray[Any]) -> str:
        """Append a weight to its file; only one at a time is held in memory."""
        array = np.ascontiguousarray(values)
        self._data.write(b"\0" * (-self._offset % _PAGE))
        self._offset += -self._offset % _PAGE
        tensor = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
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
