"""No module unpickles, evaluates text or starts a shell: data stays data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from engines.runtime.settings import REPO_ROOT
from engines.runtime.yaml_files import StrictLoader
from tests.security.scan import findings, modules

ALL = modules("components", "engines", "assets", "tests/benchmarks")
# Proven below to build plain values alone.
LOADERS = frozenset(["StrictLoader"])


def test_every_part_of_the_project_is_looked_at() -> None:
    names = {path.relative_to(REPO_ROOT).parts[0] for path in ALL}
    assert names == {"app.py", "components", "engines", "assets", "tests"}
    assert len(ALL) > 200


@pytest.mark.parametrize("folder", ["app.py", "components", "engines", "assets", "tests"])
def test_no_module_runs_data(folder: str) -> None:
    found = {
        str(path.relative_to(REPO_ROOT)): found
        for path in ALL
        if path.relative_to(REPO_ROOT).parts[0] == folder
        and (found := findings(path.read_text("utf-8"), safe_loaders=LOADERS))
    }
    assert found == {}


def test_the_projects_yaml_loader_builds_plain_values_alone() -> None:
    assert issubclass(StrictLoader, yaml.constructor.SafeConstructor)
    assert not issubclass(StrictLoader, yaml.constructor.FullConstructor)
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=StrictLoader)


def test_every_data_file_is_of_a_kind_that_holds_no_code() -> None:
    kinds = {
        path.suffix
        for folder in ("assets", "checkpoints")
        for path in (REPO_ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "web" not in path.parts
    }
    plain = {".json", ".jsonl", ".md", ".yaml", ".txt", ".csv"}
    # The scripts draw the example pictures; an ONNX graph names operators of its runtime alone.
    assert kinds <= plain | {".safetensors", ".onnx", ".jpg", ".png", ".svg", ".py", ".wav"}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(open('a', 'rb'))",
        "import pickle as p\np.loads(b'')",
        "from pickle import Unpickler",
        "def f():\n    import joblib",
        "import numpy.ma, shelve",
        "import torch\ntorch.load('a')",
        "import torch\ntorch.load('a', weights_only=False)",
        "import torch as t\nt.load('a', weights_only=is_safe)",
        "import numpy as np\nnp.load('a', allow_pickle=True)",
        "import yaml\nyaml.load('a')",
        "import yaml\nyaml.load('a', yaml.Loader)",
        "import yaml\nyaml.load('a', Loader=yaml.FullLoader)",
        "import yaml as y\ny.unsafe_load('a')",
        "import yaml\nyaml.full_load_all('a')",
        "eval('1')",
        "exec(open('a').read())",
        "x = compile('1', 'a', 'eval')",
        "__import__(name)",
        "frame.to_pickle('a')",
        "import pandas as pd\npd.read_pickle('a')",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "AutoModel.from_pretrained('a', trust_remote_code=True)",
    ],
)
def test_what_runs_data_is_found(source: str) -> None:
    assert findings(source, safe_loaders=LOADERS)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass",
        "import torch\ntorch.load('a', map_location='cpu', weights_only=True)",
        "import yaml\nyaml.safe_load('a')",
        "import yaml\nyaml.load('a', Loader=StrictLoader)",
        "import yaml\nyaml.load('a', yaml.SafeLoader)",
        "import numpy as np\nnp.load('a', allow_pickle=False)",
        "model.eval()",
        "import re\nre.compile('a')",
        "import json\njson.load(open('a'))",
        "import subprocess\nsubprocess.run(['ls'])",
        "frame.trust_remote_code = False",
    ],
)
def test_what_runs_nothing_is_left_alone(source: str) -> None:
    assert findings(source, safe_loaders=LOADERS) == []


def test_a_file_of_the_project_with_code_in_it_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text((REPO_ROOT / "app.py").read_text("utf-8") + "\neval(input())\n")
    assert findings(path.read_text("utf-8")) == [
        f"line {len(path.read_text().splitlines())}: calls eval"
    ]
