from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.runtime.errors import InputError
from engines.runtime.settings import REPO_ROOT, Settings, load_settings, settings_table


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("RELEAF_") or name in ("SPACE_ID", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name)
    # The developer's own .env must not decide what these tests see.
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")


def test_the_defaults_suit_a_private_machine_without_network() -> None:
    settings = Settings()
    assert settings.profile == "embedded"
    assert settings.checkpoints_dir == REPO_ROOT / "checkpoints"
    assert settings.data_dir == Path.home() / ".local/share/releaf"
    assert settings.host == "127.0.0.1"
    assert not settings.is_hub_allowed
    assert settings.is_feedback_saved
    assert not settings.is_public_space
    assert 1 <= settings.cpu_threads <= 8


def test_a_space_listens_to_all_may_use_the_hub_and_saves_no_feedback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/releaf")
    settings = Settings()
    assert settings.is_public_space
    assert settings.is_hub_allowed
    assert settings.host == "0.0.0.0"
    assert not settings.is_feedback_saved


def test_the_hub_profile_may_use_the_hub() -> None:
    assert Settings(profile="hub").is_hub_allowed
    assert not Settings(profile="hub", is_hub_allowed=False).is_hub_allowed


def test_variables_overrule_the_dotenv_file_and_arguments_overrule_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("RELEAF_PORT=1111\nRELEAF_QUEUE_LIMIT=7\nOTHER=1\n")
    assert (Settings().port, Settings().queue_limit) == (1111, 7)
    monkeypatch.setenv("RELEAF_PORT", "2222")
    assert Settings().port == 2222
    assert Settings(port=3333).port == 3333


def test_a_list_of_folders_is_split_and_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEAF_MODEL_DIRS", os.pathsep.join(["~/models", "/srv/models"]))
    assert Settings().model_dirs == (Path.home() / "models", Path("/srv/models"))


def test_the_data_folder_follows_xdg_but_never_a_relative_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().data_dir == tmp_path / "releaf"
    monkeypatch.setenv("XDG_DATA_HOME", "somewhere")
    assert Settings().data_dir == Path.home() / ".local/share/releaf"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RELEAF_PORT", "many"),
        ("RELEAF_PORT", "70000"),
        ("RELEAF_PROFILE", "cloud"),
        ("RELEAF_DEVICE", "gpu"),
        ("RELEAF_QUEUE_LIMIT", "0"),
        ("RELEAF_GATE_MAX_UNCERTAINTY", "1.5"),
        ("RELEAF_GATE_MAX_LATENCY_MS", "nan"),
        ("RELEAF_IS_FEEDBACK_SAVED", "perhaps"),
    ],
    ids=lambda text: text,
)
def test_a_value_that_does_not_fit_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert caught.value.what.startswith(f"{variable} is '{value}', but ")
    assert caught.value.what.count("RELEAF_") == 1


def test_the_table_has_one_row_for_every_setting() -> None:
    rows = settings_table().splitlines()
    assert len(rows) == 2 + len(Settings.model_fields)
    for row, name in zip(rows[2:], Settings.model_fields, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[:2] == [name, f"`RELEAF_{name.upper()}`"]
        assert all(cells)
        assert len(cells) == 4


def test_the_table_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    table = settings_table()
    monkeypatch.setenv("SPACE_ID", "someone/releaf")
    monkeypatch.setenv("RELEAF_PORT", "1")
    assert settings_table() == table
    assert str(Path.home()) not in table
    assert str(REPO_ROOT) not in table
