"""What the page's server hands out and takes in, asked as an intruder would ask."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from components.page_guard import FOREIGN_FILE
from engines.runtime.settings import REPO_ROOT
from tests.security.conftest import MAX_UPLOAD_MB, Listener, Served

EXAMPLES = REPO_ROOT / "assets" / "examples"
UPLOADS = Path(get_upload_folder())
FILE = "/gradio_api/file="
META = {"_type": "gradio.FileData"}
PASSWORDS = "/etc/passwd"


@pytest.fixture
def link() -> Iterator[Path]:
    """Lay a link to a file of the system among the uploads."""
    UPLOADS.mkdir(parents=True, exist_ok=True)
    path = UPLOADS / "harmless.txt"
    path.unlink(missing_ok=True)
    path.symlink_to(PASSWORDS)
    yield path
    path.unlink()


def picture(colour: str = "red") -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(encoded, "PNG")
    return encoded.getvalue()


def test_a_file_that_may_be_had_is_served(served: Served) -> None:
    example = EXAMPLES / "glass_bottle_wine.jpg"
    status, _, body = served.get(f"{FILE}{example}")
    assert (status, body) == (200, example.read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../../../../../../etc/passwd", id="up from the folder"),
        pytest.param("..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", id="up, encoded"),
        pytest.param(f"{EXAMPLES}/../../README.md", id="up from the examples"),
        pytest.param(f"{UPLOADS}/../../etc/passwd", id="up from the uploads"),
        pytest.param(PASSWORDS, id="absolute"),
        pytest.param("%2fetc%2fpasswd", id="absolute, encoded"),
        pytest.param("/etc/passwd%00.jpg", id="with a zero byte"),
        pytest.param("/proc/self/environ", id="the environment"),
        pytest.param(f"{REPO_ROOT}/app.py", id="a file of the project"),
        pytest.param("app.py", id="a file of the project, relative"),
        pytest.param(f"{REPO_ROOT}/.gitignore", id="a dot-file"),
        pytest.param(".git/config", id="a dot-folder"),
        pytest.param(f"{UPLOADS}", id="the folder of uploads"),
        pytest.param(f"{EXAMPLES}", id="the folder of examples"),
        pytest.param("file:///etc/passwd", id="a file address"),
        pytest.param("", id="nothing"),
    ],
)
def test_no_other_file_is_served(served: Served, path: str) -> None:
    for prefix in (FILE, "/file=", "/gradio_api/file/"):
        status, _, body = served.get(prefix + path)
        assert status in (400, 403, 404), prefix
        assert b"root:" not in body


def test_a_link_to_another_file_is_not_followed(served: Served, link: Path) -> None:
    status, _, body = served.get(f"{FILE}{link}")
    assert status == 403
    assert b"root:" not in body


@pytest.mark.parametrize("scheme", ["http", "HTTP", "%68ttp", "%20http", "ftp"])
def test_no_address_is_fetched(served: Served, listener: Listener, scheme: str) -> None:
    place = listener.url.partition(":")[2]
    for prefix in (FILE, "/file=", "/gradio_api/proxy=", "/proxy="):
        for method in ("GET", "HEAD"):
            status, headers, body = served.get(f"{prefix}{scheme}:{place}/secret", method)
            assert status in (403, 404), prefix
            assert "location" not in {name.lower() for name in headers}
            assert b"stolen" not in body
    assert listener.asked == []


def test_a_public_address_is_refused_before_anybody_looks_it_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Gradio fetches addresses of the Internet for anybody who asks; that begins with this call.
    def look_up(*_: object) -> None:
        pytest.fail("the address was looked up")

    monkeypatch.setattr("safehttpx.async_validate_url", look_up)
    status, _, body = served.get(f"{FILE}https://example.org/a.png")
    assert status == 403
    assert b"fetches nothing" in body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/requirements.txt",
        "/assets/../../../../../etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/gradio_api/stream/a/b/1/../../../../etc/passwd",
        "/favicon.ico/../../app.py",
    ],
)
def test_the_pages_own_files_lead_to_no_others(served: Served, path: str) -> None:
    status, _, body = served.get(path)
    assert status >= 400 or b"<!doctype html>" in body[:200].lower()
    assert b"root:" not in body
    assert b"gradio==" not in body


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "script.js"])
def test_an_upload_that_a_browser_could_run_is_only_handed_back_as_a_download(
    served: Served, name: str
) -> None:
    sent = served.upload(name, b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    status, headers, _ = served.get(f"{FILE}{quote(sent.json()[0])}")
    named = {key.lower(): value for key, value in headers.items()}
    assert status == 200
    assert named["content-disposition"].startswith("attachment")
    assert named["content-type"] == "application/octet-stream"


FOREIGN = {
    "address here": "{listener}/photo.jpg",
    "address elsewhere": "https://example.org/photo.jpg",
    "other file": PASSWORDS,
    "endless": "/dev/zero",
    "device": "/dev/stdin",
    "relative": "app.py",
    "up": "{uploads}/../../etc/passwd",
    "folder": "{uploads}",
    "home": "~/.ssh/id_rsa",
    "zero byte": "\0",
    "long": "x" * 5000,
}


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked as upload", "unmarked"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_an_input_is_an_upload_and_nothing_else(
    served: Served, listener: Listener, kind: str, is_marked: bool
) -> None:
    path = FOREIGN[kind].format(listener=listener.url, uploads=UPLOADS)
    file = {"path": path} | ({"meta": META} if is_marked else {})
    answer = served.call("classify", file, "generic")
    assert "event: error" in answer
    assert FOREIGN_FILE in answer
    assert listener.asked == []


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked as upload", "unmarked"])
def test_every_event_that_takes_a_file_judges_it(served: Served, is_marked: bool) -> None:
    file = {"path": PASSWORDS} | ({"meta": META} if is_marked else {})
    assert FOREIGN_FILE in served.call("classify_many", [file], "generic")
    assert FOREIGN_FILE in served.call("look", file, "")


def test_an_upload_is_taken_and_judged_by_its_content_and_not_its_name(served: Served) -> None:
    path = served.upload("photo.jpg", b"MZ this is no picture").json()[0]
    answer = served.call("classify", {"path": path, "meta": META}, "generic")
    assert FOREIGN_FILE not in answer
    assert "not a picture" in answer


def test_a_picture_with_too_many_pixels_is_refused_by_its_header(served: Served) -> None:
    # A PNG that says it has 60,000 × 60,000 pixels; there is nothing in it to decode.
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2
    path = served.upload("photo.png", header + b"\x08\x02\x00\x00\x00" + bytes(4)).json()[0]
    answer = served.call("classify", {"path": path, "meta": META}, "generic")
    assert "event: complete" in answer
    assert "pixels" in answer or "not a picture" in answer


def test_a_file_that_is_too_large_is_refused_while_it_comes_in(served: Served) -> None:
    sent = served.upload("photo.jpg", bytes(int(MAX_UPLOAD_MB * 1024 * 1024) + 1))
    assert sent.status_code == 413


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "streamed"])
def test_a_call_that_is_too_large_is_refused(served: Served, is_announced: bool) -> None:
    body = json.dumps({"data": ["x" * int(3 * MAX_UPLOAD_MB * 1024 * 1024)]}).encode()
    content = body if is_announced else (body[at : at + 65536] for at in range(0, len(body), 65536))
    headers = {"Content-Type": "application/json"}
    reply = httpx.post(f"{served.url}/gradio_api/call/classify", content=content, headers=headers)
    assert reply.status_code == 413


def test_nobody_finds_anothers_upload(served: Served) -> None:
    content = picture()
    mine = Path(served.upload("mine.png", content).json()[0])
    # The folder's name can't be computed by who knows or guesses the picture.
    assert hashlib.sha256(content).hexdigest() not in str(mine)
    assert len(mine.parent.name) == 64
    for guess in (UPLOADS, UPLOADS / "mine.png", UPLOADS / "*" / "mine.png", mine.parent):
        status, _, body = served.get(f"{FILE}{guess}")
        assert status == 403
        assert content not in body
    theirs = Path(served.upload("mine.png", picture("blue")).json()[0])
    assert theirs != mine
    assert mine.read_bytes() == content


def test_nothing_of_the_page_lists_uploads(served: Served) -> None:
    mine = Path(served.upload("mine.png", picture("green")).json()[0])
    for path in ("/", "/config", "/gradio_api/info", "/health", "/metrics", "/openapi.json"):
        status, _, body = served.get(path)
        assert status in (200, 401), path
        assert mine.parent.name.encode() not in body
