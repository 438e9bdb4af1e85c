"""Write a Llama network and its tokenizer as one GGUF file, as llama.cpp reads it.

Source: the GGUF specification of ggml, and llama.cpp's convert_hf_to_gguf.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

GgufType = Literal["f16", "q8_0"]

_QUANTISED = {
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
_FILE_TYPES = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
# How Llama 3 cuts text into words.
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write_gguf(
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    path: Path,
    *,
    name: str,
    kind: GgufType = "f16",
    cutter: str | None = None,
) -> None:
    """Write weights, tokenizer and chat template.

    Args:
        network: a Llama in float32; its weights are rounded to float16 or to Q8_0.
        name: what the file says it is called.
        cutter: llama.cpp's name of how text is cut into words; None finds it out.

    Raises:
        InputError: if llama.cpp would read this network or tokenizer in another way.
        OSError: if the disk is full.
    """
    require_llama(network)
    writer = gguf.GGUFWriter(path, "llama")
    try:
        _add_shape(writer, network.config, name)
        writer.add_file_type(_FILE_TYPES[kind])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_tokenizer(writer, tokenizer, int(network.config.vocab_size), cutter)
        _add_weights(writer, network, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def cutter_of(path: Path) -> str | None:
    """Return what a GGUF file says of how text is cut into words, None if it says nothing."""
    field = gguf.GGUFReader(path).get_field(gguf.Keys.Tokenizer.PRE)
    return None if field is None else str(field.contents())


def cutter_for(description: dict[str, Any]) -> str:
    """Return llama.cpp's name of the way in which a tokenizer cuts text into words.

    Args:
        description: the tokenizer as tokenizers writes it in tokenizer.json.

    Raises:
        InputError: if it is none of those known here.
    """
    whole = description["pre_tokenizer"] or {}
    parts = whole.get("pretokenizers", [whole])
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"] and parts[0]["use_regex"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0]["individual_digits"]:
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and parts[0]["pattern"] == {"Regex": _LLAMA3_SPLIT}:
        return "llama-bpe"
    raise InputError(
        "This model's tokenizer cuts text in a way that has no name here for llama.cpp.",
        "Export it without gguf in --formats.",
    )


def require_llama(network: PreTrainedModel) -> None:
    """See that the network is the plain Llama that the exported formats describe.

    Raises:
        InputError: if it is not; the message says what differs.
    """
    config: Any = network.config
    rope = getattr(config, "rope_parameters", None) or {}
    kind = rope.get("rope_type", "default")
    problem = None
    if config.model_type != "llama":
        problem = f"it is a {config.model_type} model"
    elif config.attention_bias or config.mlp_bias:
        problem = "its layers have biases"
    elif config.hidden_act != "silu":
        problem = f"it computes with {config.hidden_act}"
    elif kind != "default":
        problem = f"it stretches positions by “{kind}”"
    if problem:
        raise InputError(
            f"This model can't be written as GGUF or ONNX: {problem}.",
            "Export it with --formats safetensors alone.",
        )


def interleave(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection for llama.cpp.

    transformers turns row i of a head together with row i + size / 2; llama.cpp turns neighbours.

    Args:
        weight: (heads * size, inputs).
    """
    rows, inputs = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, inputs)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, inputs))


def _add_shape(writer: gguf.GGUFWriter, config: Any, name: str) -> None:
    head_size = int(config.head_dim)
    writer.add_name(name)
    writer.add_type("model")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    if head_size * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(head_size)
    writer.add_vocab_size(config.vocab_size)


def _add_weights(writer: gguf.GGUFWriter, network: PreTrainedModel, kind: GgufType) -> None:
    config: Any = network.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for own, parameter in network.named_parameters():  # tied weights come once
        name = names.get_name(own, try_suffixes=(".weight",))
        if name is None:
            raise InputError(
                f"GGUF has no name for the weight {own}.",
                "Export it with --formats safetensors alone.",
            )
        weight = parameter.detach().float().numpy()
        if own.endswith("q_proj.weight"):
            weight = interleave(weight, config.num_attention_heads)
        elif own.endswith("k_proj.weight"):
            weight = interleave(weight, config.num_key_value_heads)
        # llama.cpp wants the scales of its normalisation in float32.
        to = _QUANTISED[kind] if weight.ndim > 1 else gguf.GGMLQuantizationType.F32
        if weight.shape[-1] % gguf.GGML_QUANT_SIZES[to][0]:
            to = gguf.GGMLQuantizationType.F16  # Q8_0 needs rows of whole blocks
        writer.add_tensor(name, gguf.quants.quantize(weight, to), raw_dtype=to)


def _add_tokenizer(
    writer: gguf.GGUFWriter,
    tokenizer: PreTrainedTokenizerBase,
    vocabulary_size: int,
    cutter: str | None,
) -> None:
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    description = json.loads(backend.to_str()) if backend is not None else {"model": {}}
    if description["model"].get("type") != "BPE" or "ByteLevel" not in json.dumps(description):
        raise InputError(
            "This model's tokenizer is not one of bytes and pairs, as GGUF files here hold it.",
            "Export it without gguf in --formats.",
        )
    tokens = [f"[PAD{number}]" for number in range(vocabulary_size)]
    kinds = [gguf.TokenType.UNUSED] * vocabulary_size
    for token, number in tokenizer.get_vocab().items():
        tokens[number], kinds[number] = token, gguf.TokenType.NORMAL
    for added in description["added_tokens"]:
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = (
            gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        )
    pairs = description["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cutter or cutter_for(description))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in pairs])
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    # The chat template writes the first token itself where a model wants one.
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(tokenizer.chat_template)
