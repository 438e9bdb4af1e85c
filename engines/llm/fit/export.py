"""Merge a LoRA adapter into its model and save it as safetensors, GGUF and ONNX.

Every format is read again and has to write the same answers to ten questions before it takes its
place in the folder. A format that is there, whole and made from the same adapter is skipped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from engines.llm.adapter import ADAPTER_CONFIG, ADAPTER_FILE, check_adapter
from engines.llm.decoding import OnnxDecoder, TransformersDecoder
from engines.llm.fit.comparing import Check, Row, answers, compared, stops_of, table
from engines.llm.fit.decoders import Greedy, Written
from engines.llm.fit.folders import read_record, replacing, write_record
from engines.llm.fit.merging import (
    CHECK_QUESTIONS,
    Base,
    Merged,
    check_prompts,
    fingerprint,
    load_base,
    merge,
)
from engines.llm.gguf_file import GgufType, cutter_of, write_gguf
from engines.llm.llama_cpp import LlamaCppDecoder, tokens_of
from engines.llm.onnx_file import write_onnx
from engines.llm.reading import read_folder
from engines.runtime.device import limit_threads
from engines.runtime.errors import ReleafError, WeightsCorruptError
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings, load_settings
from engines.runtime.weights import CARD_FILE

Format = Literal["safetensors", "gguf", "onnx"]
FORMATS: tuple[Format, ...] = ("safetensors", "gguf", "onnx")
GGUF_FILE = "model.gguf"
GRAPH_FILE = "model.onnx"
CHECK_TOKENS = 32
# Bytes a weight takes; Q8_0 has a scale of two bytes for 32 of them.
BYTES = {"safetensors": 2.0, "f16": 2.0, "q8_0": 34 / 32, "onnx": 4.0}


class Export:
    """Write the formats of one merged model, one after the other.

    Args:
        reference: what the merged network answers; every format has to write the same.
    """

    def __init__(
        self, base: Base, merged: Merged, reference: Sequence[Written], *, tokens: int
    ) -> None:
        self.base, self.merged, self.reference, self.tokens = base, merged, reference, tokens
        self.prompts = check_prompts(merged.tokenizer)
        self.stops = stops_of(merged.tokenizer)

    def safetensors(self, folder: Path) -> Row:
        """Save float16 weights with tokenizer and chat template, as the app reads a folder."""
        network, tokenizer = self.merged.network, self.merged.tokenizer
        save_half(network, folder)
        tokenizer.save_pretrained(folder)
        again, read = read_folder(folder, torch.float32, local_files_only=True)
        self._require_tokens(read, "safetensors")
        check = self._checked(Greedy(TransformersDecoder(again.eval())), "safetensors")
        return Row("safetensors", megabytes(folder), check, "float16, read by transformers")

    def gguf(self, folder: Path, *, kind: GgufType) -> Row:
        """Write a GGUF file; Q8_0 may write other words, since its weights are others."""
        path = folder / GGUF_FILE
        write_gguf(
            self.merged.network,
            self.merged.tokenizer,
            path,
            name=f"{self.base.names[0]} with LoRA",
            kind=kind,
            cutter=cutter_of(self.base.gguf) if self.base.gguf else None,
        )
        again, read = read_folder(folder, torch.float32, gguf_file=path.name)
        self._require_tokens(read, "gguf")
        is_exact = kind == "f16"
        check = self._checked(Greedy(TransformersDecoder(again.eval())), "gguf", is_exact=is_exact)
        return Row(f"gguf {kind}", megabytes(folder), check, self._through_llama_cpp(path))

    def onnx(self, folder: Path) -> Row:
        """Write an ONNX graph with its tokenizer."""
        write_onnx(self.merged.network, folder / GRAPH_FILE)
        self.merged.network.config.save_pretrained(folder)
        self.merged.tokenizer.save_pretrained(folder)
        decoder = Greedy(OnnxDecoder(folder / GRAPH_FILE, threads=torch.get_num_threads()))
        check = self._checked(decoder, "onnx")
        return Row("onnx", megabytes(folder), check, "float32, ONNX Runtime")

    def _checked(self, decoder: Greedy, name: str, *, is_exact: bool = True) -> Check:
        written = answers(decoder, self.prompts, tokens=self.tokens, stops=self.stops, name=name)
        check = compared(self.reference, written)
        if is_exact and check.same_texts < check.texts:
            raise WeightsCorruptError(
                f"As {name} the model wrote {check.texts - check.same_texts} of {check.texts} "
                "answers in other words than the merged network.",
                "Nothing was replaced; export the other formats, and report this with the adapter.",
            )
        return check

    def _require_tokens(self, tokenizer: Any, name: str) -> None:
        own = self.merged.tokenizer.chat_template
        if tokenizer.chat_template != own or check_prompts(tokenizer) != self.prompts:
            raise WeightsCorruptError(
                f"The tokenizer in {name} cuts the questions into other tokens.",
                "Nothing was replaced; export the other formats.",
            )

    def _through_llama_cpp(self, path: Path) -> str:
        """Ask llama.cpp, too; it rounds while it computes, so other words are told, not refused."""
        try:
            decoder = LlamaCppDecoder(path, threads=torch.get_num_threads())
        except ImportError:
            return "not read by llama.cpp: llama-cpp-python is not installed"
        for ids in self.prompts:
            if tokens_of(decoder, str(self.merged.tokenizer.decode(ids))) != ids:
                raise WeightsCorruptError(
                    "llama.cpp cuts the questions into other tokens.",
                    "Nothing was replaced; export the other formats.",
                )
        written = answers(
            Greedy(decoder), self.prompts, tokens=self.tokens, stops=self.stops, name="llama.cpp"
        )
        check = compared(self.reference, written)
        same = f"{check.same_texts} of {check.texts} the same"
        return f"llama.cpp: {same}, {check.tokens_per_s:.1f} tokens/s"


def save_half(network: Any, folder: Path) -> None:
    """Save a network that `round_to_half` rounded; only its weights become float16 meanwhile."""
    for weight in network.parameters():
        weight.data = weight.data.half()
    try:
        network.save_pretrained(folder)
    finally:
        for weight in network.parameters():
            weight.data = weight.data.float()


def megabytes(folder: Path) -> float:
    """Return the size of all files in a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def run(
    adapter: Path,
    out: Path,
    *,
    settings: Settings,
    model: str,
    formats: Sequence[Format] = FORMATS,
    gguf_type: GgufType = "f16",
    tokens: int = CHECK_TOKENS,
    is_dry: bool = False,
) -> list[Row]:
    """Export and return the table's rows; with `is_dry` only say what would be done.

    Raises:
        ReleafError: as the functions it calls, if adapter, model or disk don't allow it.
    """
    base = load_base(settings, model)
    check_adapter(adapter, base.names)
    weights = sum(weight.numel() for weight in base.network.parameters())
    made_from = {"adapter": fingerprint(adapter), "model": model}
    rows: dict[Format, Row] = {}
    for name in formats:
        kind = gguf_type if name == "gguf" else None
        record = read_record(out / name, {**made_from, "format": name, "type": kind})
        if record is not None:
            remark = f"kept, {record['same_texts']} of {record['texts']} the same when written"
            label = f"{name} {kind}" if kind else name
            rows[name] = Row(label, megabytes(out / name), None, remark)
    left = [name for name in formats if name not in rows]
    if is_dry:
        print(f"{adapter} goes into {model}, {weights / 1e6:.0f} million weights.")
        for name in formats:
            needed = weights * BYTES[gguf_type if name == "gguf" else name] / 1e6
            print(f"{out / name}: " + ("there, kept" if name in rows else f"{needed:.0f} MB"))
        return list(rows.values())
    if not left:
        return [rows[name] for name in formats]
    print(f"Merging {adapter} into {model}.", flush=True)
    merged = merge(base, adapter)
    print(
        f"Largest difference of a logit: merged {merged.merge_difference:.2g}, "
        f"rounded to float16 {merged.rounding_difference:.2g}",
        flush=True,
    )
    prompts = check_prompts(merged.tokenizer)
    stops = stops_of(merged.tokenizer)
    own = Greedy(TransformersDecoder(merged.network))
    reference = answers(own, prompts, tokens=tokens, stops=stops, name="merged")
    export = Export(base, merged, reference, tokens=tokens)
    for name in tqdm(left, desc="formats"):
        needed_bytes = int(weights * BYTES[gguf_type if name == "gguf" else name])
        with replacing(out / name, needed_bytes=needed_bytes) as folder:
            row = _write(export, name, folder, gguf_type)
            assert row.check is not None
            record = {
                **made_from,
                "format": name,
                "type": gguf_type if name == "gguf" else None,
                "merge_difference": merged.merge_difference,
                "rounding_difference": merged.rounding_difference,
                "same_texts": row.check.same_texts,
                "texts": row.check.texts,
                "tokens_per_s": round(row.check.tokens_per_s, 2),
            }
            if name == "safetensors":
                write_card(folder, _card(adapter, model, record))
            write_record(folder, record)
        rows[name] = row
    return [rows[name] for name in formats]


def _write(export: Export, name: Format, folder: Path, gguf_type: GgufType) -> Row:
    if name == "safetensors":
        return export.safetensors(folder)
    return export.gguf(folder, kind=gguf_type) if name == "gguf" else export.onnx(folder)


def _card(adapter: Path, model: str, record: dict[str, Any]) -> dict[str, Any]:
    """Describe the merged model; what the adapter's own card says is taken over."""
    try:
        own = json.loads((adapter / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        own = {}
    config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return {
        "name": f"{own.get('name', adapter.name)}-merged",
        "version": own.get("version", "1.0.0"),
        "created": date.today().isoformat(),
        "summary": f"{model} with a LoRA adapter (r {config['r']}, α {config['lora_alpha']}) "
        "merged into its weights.",
        "command": f"python -m engines.llm.fit.export --adapter {adapter.name} --model {model}",
        "data": own.get("data", {"adapter": adapter.name}),
        "licence": own.get("licence", f"As {model} and the adapter."),
        "metrics": {"export": record, **own.get("metrics", {})},
        "limits": own.get("limits", ["The limits of the model it was made from hold here, too."]),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    settings = load_settings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, required=True, help=f"folder with {ADAPTER_FILE}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the formats' folders")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument(
        "--model", default=settings.llm_model, help="the model the adapter was trained for"
    )
    parser.add_argument("--gguf-type", choices=("f16", "q8_0"), default="f16")
    parser.add_argument(
        "--tokens", type=int, default=CHECK_TOKENS,
        help=f"longest answer to each of the {len(CHECK_QUESTIONS)} questions of the check",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only say what would be written")
    arguments = parser.parse_args(argv)
    limit_threads(settings.cpu_threads)
    try:
        rows = run(
            arguments.adapter,
            arguments.out,
            settings=settings,
            model=arguments.model,
            formats=list(dict.fromkeys(arguments.formats)),
            gguf_type=arguments.gguf_type,
            tokens=arguments.tokens,
            is_dry=arguments.dry_run,
        )
    except ReleafError as error:
        raise SystemExit(str(error)) from error
    if not arguments.dry_run:
        print(table(rows))


if __name__ == "__main__":
    main()
