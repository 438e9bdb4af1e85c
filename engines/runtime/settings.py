"""Every setting of the app in one place, read from the environment and from a .env file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engines.runtime.errors import InputError

REPO_ROOT = Path(__file__).resolve().parents[2]
ENV_PREFIX = "RELEAF_"
_MAX_DEFAULT_THREADS = 8


def usable_cores() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _is_on_space() -> bool:
    # Hugging Face sets SPACE_ID in every Space, and nowhere else.
    return bool(os.environ.get("SPACE_ID"))


def _xdg_dir(variable: str, fallback: str) -> Path:
    # The XDG Base Directory specification says to ignore a relative value.
    base = Path(os.environ.get(variable, ""))
    return (base if base.is_absolute() else Path.home() / fallback) / "releaf"


def _shown_as(words: str) -> dict[str, Any]:
    """Carry the words with which a computed default stands in the settings table."""
    return {"shown_default": words}


class Settings(BaseSettings):
    """Hold what can be set, from arguments, RELEAF_* variables or .env, in that order.

    Raises:
        pydantic.ValidationError: if a value does not fit; `load_settings` says it in words.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=REPO_ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
    )

    profile: Literal["embedded", "hub"] = Field(
        default="embedded",
        description="Models used: small ones that come with the app, or larger ones from the Hub.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto",
        description="Where models run; auto takes CUDA, then Apple's MPS, then the CPU.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Precision models run in; auto takes what the device is fast at.",
    )
    checkpoints_dir: Path = Field(
        default=REPO_ROOT / "checkpoints",
        description="Folder of the trained models, one folder each.",
    )
    rules_dir: Path = Field(
        default=REPO_ROOT / "assets" / "rules",
        description="Folder of the disposal rules, a file a place.",
    )
    examples_dir: Path = Field(
        default=REPO_ROOT / "assets" / "examples", description="Folder of the example pictures."
    )
    knowledge_dir: Path = Field(
        default=REPO_ROOT / "assets" / "knowledge",
        description="Folder of the documents that the chat answers from.",
    )
    vectors_dir: Path = Field(
        default=REPO_ROOT / "assets" / "vectors",
        description="Folder of the vectors of documents and graph that come with the app.",
    )
    graph_dir: Path = Field(
        default=REPO_ROOT / "assets" / "graph",
        description="Folder of the facts that upcycling projects are found in.",
    )
    data_dir: Path = Field(
        default_factory=lambda: _xdg_dir("XDG_DATA_HOME", ".local/share"),
        description="Folder for what people leave behind, such as corrections.",
        json_schema_extra=_shown_as("~/.local/share/releaf, or under XDG_DATA_HOME"),
    )
    cache_dir: Path = Field(
        default_factory=lambda: _xdg_dir("XDG_CACHE_HOME", ".cache"),
        description="Folder for downloads and other things that can be made again.",
        json_schema_extra=_shown_as("~/.cache/releaf, or under XDG_CACHE_HOME"),
    )
    model_dirs: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description=f"More folders in which to look for weights, separated by “{os.pathsep}”.",
    )
    is_hub_allowed: bool = Field(
        default_factory=lambda values: values["profile"] == "hub" or _is_on_space(),
        description="Whether missing weights may be downloaded from the Hugging Face Hub.",
        json_schema_extra=_shown_as("true with the hub profile and on a Space, else false"),
    )
    is_feedback_saved: bool = Field(
        default_factory=lambda: not _is_on_space(),
        description="Whether corrections are written to a file in the data folder.",
        json_schema_extra=_shown_as("true, but false on a Space"),
    )
    host: str = Field(
        default_factory=lambda: "0.0.0.0" if _is_on_space() else "127.0.0.1",
        min_length=1,
        description="Address the app listens on; 0.0.0.0 lets other machines in.",
        json_schema_extra=_shown_as("127.0.0.1, but 0.0.0.0 on a Space"),
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port the app listens on.")
    gate_max_latency_ms: float = Field(
        default=200.0,
        ge=0,
        allow_inf_nan=False,
        description="A first pass slower than this many milliseconds skips the second one.",
    )
    gate_max_uncertainty: float = Field(
        default=0.7,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A first pass less certain than this (0 to 1) skips the second one.",
    )
    max_image_pixels: int = Field(
        default=50_000_000,
        ge=1,
        description="Pictures with more pixels are refused before decoding.",
    )
    max_upload_mb: float = Field(
        default=25.0,
        gt=0,
        allow_inf_nan=False,
        description="Larger files are refused, in megabytes.",
    )
    max_document_pages: int = Field(
        default=200, ge=1, description="Documents added to the chat may have this many pages."
    )
    max_documents: int = Field(
        default=20, ge=1, description="Most documents a person may add to the chat."
    )
    embedding_model: str = Field(
        default_factory=lambda values: (
            "BAAI/bge-large-en-v1.5" if values["profile"] == "hub" else "all_minilm_l6_v2"
        ),
        description="Model that finds passages: a known name, a folder or a Hub repository.",
        json_schema_extra=_shown_as("`all_minilm_l6_v2`; with the hub profile bge-large-en-v1.5"),
    )
    reranker_model: str = Field(
        default_factory=lambda values: (
            "cross-encoder/ms-marco-MiniLM-L-6-v2" if values["profile"] == "hub" else "reranker"
        ),
        description="Cross-encoder that orders passages: a checkpoint, a folder, a Hub repository.",
        json_schema_extra=_shown_as("`reranker`; with the hub profile ms-marco-MiniLM-L-6-v2"),
    )
    llm_model: str = Field(
        default_factory=lambda values: (
            "meta-llama/Meta-Llama-3-8B-Instruct"
            if values["profile"] == "hub"
            else "smollm2_135m_instruct"
        ),
        description="Language model of the chat: a known name, a folder or a Hub repository.",
        json_schema_extra=_shown_as(
            "`smollm2_135m_instruct`; with the hub profile Meta-Llama-3-8B-Instruct"
        ),
    )
    llm_adapter: Path | None = Field(
        default=None,
        description="Folder of a PEFT adapter for the language model; `off` writes without one.",
        json_schema_extra=_shown_as("checkpoints/llm-lora where its card says it is better"),
    )
    llm_engine: Literal["auto", "transformers", "onnx", "llama.cpp"] = Field(
        default="auto",
        description="What computes the language model; on a CPU auto takes llama.cpp where "
        "llama-cpp-python is installed, else ONNX Runtime, both with weights in int8.",
    )
    llm_temperature: float = Field(
        default=0.0,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="0 always takes the likeliest word; the reference design used 0.7.",
    )
    llm_max_new_tokens: int = Field(
        default=160, ge=8, le=2048, description="Longest text the language model writes, tokens."
    )
    qdrant_url: str = Field(
        default="", description="Qdrant server to search in; empty keeps the index in memory."
    )
    qdrant_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of that server, where it wants one.",
        json_schema_extra=_shown_as("none"),
    )
    max_batch_files: int = Field(default=200, ge=1, description="Most pictures taken in one batch.")
    queue_limit: int = Field(
        default=40,
        ge=1,
        description="Jobs that may wait for the models before new ones are refused.",
    )
    lane_timeout_s: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="Longest wait for the models, in seconds.",
    )
    is_api_served: bool = Field(
        default=True,
        description="Whether programs may use the engines under /api/v1, beside the page.",
    )
    api_token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token that /api/v1 and /metrics ask for; empty asks for none.",
        json_schema_extra=_shown_as("none"),
    )
    api_requests_per_s: float = Field(
        default=20.0,
        gt=0,
        allow_inf_nan=False,
        description="Requests a second that one client may send to the API in the long run.",
    )
    api_burst: int = Field(
        default=40, ge=1, description="Requests that one client may send to the API at once."
    )
    api_timeout_s: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="Longest time for a request to arrive, and again to be answered, in seconds.",
    )
    api_cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Web pages elsewhere that may use the API, such as `https://example.org`, "
        "separated by commas.",
    )
    is_behind_proxy: bool = Field(
        default_factory=_is_on_space,
        description="Whether a proxy names each client in X-Forwarded-For; its last entry counts.",
        json_schema_extra=_shown_as("false, but true on a Space"),
    )
    is_mcp_served: bool = Field(
        default=False,
        description="Whether assistants may use the app by the Model Context Protocol; "
        "needs the package mcp.",
    )
    cpu_threads: int = Field(
        default_factory=lambda: min(usable_cores(), _MAX_DEFAULT_THREADS),
        ge=1,
        description="CPU threads the models use.",
        json_schema_extra=_shown_as(f"the usable cores, at most {_MAX_DEFAULT_THREADS}"),
    )
    memory_limit_mb: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Above this much memory, in megabytes, models that rest are unloaded.",
        json_schema_extra=_shown_as("85 % of the machine's or container's memory"),
    )

    @property
    def is_public_space(self) -> bool:
        """Whether the app runs on a Hugging Face Space, where strangers use it."""
        return _is_on_space()

    @field_validator("model_dirs", mode="before")
    @classmethod
    def _split_folders(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part.strip())
        return value

    @field_validator("api_cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator(
        "checkpoints_dir",
        "rules_dir",
        "examples_dir",
        "knowledge_dir",
        "vectors_dir",
        "data_dir",
        "cache_dir",
        mode="after",
    )
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("model_dirs", mode="after")
    @classmethod
    def _expand_homes(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder.expanduser() for folder in value)


def load_settings() -> Settings:
    """Read the settings, saying in words what does not fit.

    Raises:
        InputError: if a value does not fit; it names the variable, the value and the reason.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise _readable(error) from error


def settings_table() -> str:
    """Write all settings as a Markdown table: name, environment variable, default, meaning."""
    rows = ["| Setting | Variable | Default | Meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        words = extra.get("shown_default") if isinstance(extra, dict) else None
        default = str(words) if words is not None else _shown_value(field.default)
        variable = f"`{ENV_PREFIX}{name.upper()}`"
        rows.append(f"| {name} | {variable} | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _shown_value(value: Any) -> str:
    if isinstance(value, Path):
        return f"`{value.relative_to(REPO_ROOT).as_posix()}`"
    if value in ((), ""):
        return "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _readable(error: ValidationError) -> InputError:
    """Name each setting that does not fit, its value and the reason, in one sentence each."""
    sentences = []
    for problem in error.errors(include_url=False):
        # Defaults that follow from another setting are not computed when that one is wrong.
        if problem["type"] == "default_factory_not_called":
            continue
        variable = ENV_PREFIX + str(problem["loc"][0]).upper()
        reason = problem["msg"][:1].lower() + problem["msg"][1:]
        sentences.append(f"{variable} is {problem['input']!r}, but {reason}.")
    return InputError(
        " ".join(sentences), "Correct it in the environment or in .env; the README lists them all."
    )
