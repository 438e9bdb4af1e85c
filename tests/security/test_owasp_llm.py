"""The OWASP Top 10 for LLM Applications, 2026 edition, and what covers each entry here.

Source: OWASP GenAI Security Project, published on 4 August 2026,
https://genai.owasp.org/resource/owasp-genai-llm-top-10-2026/ (names and order of the entries).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from engines.runtime.settings import REPO_ROOT, Settings
from tests.security.scan import imported, modules

SECURITY_MD = REPO_ROOT / "SECURITY.md"
INJECTION = "tests/engines/rag/test_injection.py"
PROMPT = "tests/engines/llm/test_prompt.py"
GENERATE = "tests/engines/llm/test_generate.py"
GROUNDING = "tests/engines/rag/test_grounding.py"
RAG = "tests/engines/rag/test_engine.py"
UPLOADS = "tests/engines/rag/test_uploads.py"
UPLOAD_LIMITS = "tests/engines/rag/test_uploads_limits.py"
PDF_WORD = "tests/engines/rag/test_uploads_pdf_word.py"
HASHES = "tests/engines/runtime/test_weights_hashes.py"
SERVED = "tests/security/test_served_files.py"
SECRETS = "tests/security/test_secrets.py"
NO_CODE = "tests/security/test_no_code_in_data.py"
GUARD = "tests/engines/api/test_guard.py"
HERE = "tests/security/test_owasp_llm.py"


@dataclass(frozen=True)
class Entry:
    """One entry of the list.

    Attributes:
        name: as the list names it.
        here: what it means for this app, and what is done.
        tests: node ids of the tests that hold it to that.
    """

    name: str
    here: str
    tests: tuple[str, ...]


ENTRIES = {
    "LLM01:2026": Entry(
        "Prompt Injection",
        "A question or an added document may hold orders. Neither can open a turn of its own, and "
        "whatever the model writes is shown only where the passages support it.",
        (
            f"{INJECTION}::test_an_order_in_a_question_changes_nothing",
            f"{INJECTION}::test_an_order_hidden_in_a_document_is_not_followed",
            f"{PROMPT}::test_no_text_makes_another_turn",
            f"{PROMPT}::test_no_mixture_of_signs_makes_another_turn",
            f"{PROMPT}::test_a_passage_cannot_pass_for_another_number",
            f"{UPLOADS}::test_hidden_parts_of_a_web_page_are_left_out",
            f"{PDF_WORD}::test_hidden_and_deleted_words_of_a_word_file_are_left_out",
        ),
    ),
    "LLM02:2026": Entry(
        "Sensitive Information Disclosure",
        "Added documents stay in the memory of their session; keys are in no log and on no page; "
        "an unexpected error tells nothing of the inside.",
        (
            f"{INJECTION}::test_nobody_reads_another_sessions_documents",
            f"{RAG}::test_a_visitors_document_is_cited_in_their_session_only",
            "tests/browser/test_chat_browser.py"
            "::test_an_added_pdf_is_cited_until_it_is_removed_and_nobody_else_sees_it",
            "tests/components/test_chat_tab.py"
            "::test_documents_are_added_listed_and_kept_on_no_disk",
            "tests/browser/test_waste_browser.py"
            "::test_two_visitors_at_once_see_their_own_answers_places_and_corrections",
            "tests/engines/api/test_endpoints.py::test_nobody_gets_into_another_clients_session",
            "tests/engines/api/test_errors.py"
            "::test_what_nobody_foresaw_tells_nothing_of_the_inside",
            f"{SERVED}::test_nobody_finds_anothers_upload",
            f"{SERVED}::test_no_other_file_is_served",
            f"{SECRETS}::test_no_log_holds_them_at_any_level",
            f"{SECRETS}::test_the_system_tab_shows_none",
        ),
    ),
    "LLM03:2026": Entry(
        "Excessive Agency",
        "The model has no tools: it writes text, which is checked and shown. Nothing it writes is "
        "run, sent or stored.",
        (f"{HERE}::test_the_chat_can_only_read_and_write_text",),
    ),
    "LLM04:2026": Entry(
        "Supply Chain",
        "Packages are pinned, weights are checked by SHA-256 and read without running anything; "
        "`make audit` reports known vulnerabilities of the packages.",
        (
            "tests/test_readme.py::test_every_requirement_is_pinned",
            f"{HASHES}::test_every_weight_of_the_shipped_checkpoints_is_listed_with_its_hash",
            f"{HASHES}::test_every_installed_package_holds_the_files_that_were_tested",
            f"{HASHES}::test_a_download_is_what_the_hub_called_it",
            f"{NO_CODE}::test_no_module_runs_data",
            "tests/engines/runtime/test_weights.py::test_code_in_a_file_is_never_run",
            "tests/engines/runtime/test_weights.py"
            "::test_a_package_is_looked_into_but_never_imported",
            "tests/security/test_audit.py::test_what_was_found_is_a_report_and_never_a_failure",
        ),
    ),
    "LLM05:2026": Entry(
        "Data and Model Poisoning",
        "A changed checkpoint is refused. Nothing of a visitor is trained on by itself: "
        "corrections are a file that a person may choose. Added documents are the session's own.",
        (
            f"{HASHES}::test_a_changed_checkpoint_is_refused_and_says_what_to_do",
            f"{HASHES}::test_a_changed_package_is_refused",
            f"{RAG}::test_a_visitors_document_is_cited_in_their_session_only",
            "tests/engines/rag/test_documents.py::test_a_wrong_document_is_named_with_the_field",
        ),
    ),
    "LLM06:2026": Entry(
        "Unbounded Consumption",
        "Tokens, question length, uploads, pages, requests a second, waiting jobs and time are "
        "limited, and refusals are polite.",
        (
            f"{HERE}::test_every_limit_has_a_bound_that_is_in_force",
            f"{GENERATE}::test_the_length_limit_ends_the_text",
            f"{GENERATE}::test_a_prompt_beyond_the_models_limit_is_refused",
            f"{GENERATE}::test_a_stop_takes_effect_before_the_next_token",
            f"{RAG}::test_a_question_that_cannot_be_used_is_refused_in_a_sentence",
            f"{UPLOAD_LIMITS}::test_a_file_larger_than_allowed_is_refused",
            f"{UPLOAD_LIMITS}::test_a_pdf_of_too_many_pages_is_refused",
            f"{UPLOAD_LIMITS}::test_a_pdf_that_takes_too_long_is_given_up_on",
            f"{UPLOAD_LIMITS}::test_a_word_file_that_lies_about_what_it_unpacks_to_is_refused",
            f"{SERVED}::test_a_file_that_is_too_large_is_refused_while_it_comes_in",
            f"{SERVED}::test_a_call_that_is_too_large_is_refused",
            f"{SERVED}::test_an_input_is_an_upload_and_nothing_else",
            f"{GUARD}::test_a_large_body_is_refused_while_it_streams_in",
            f"{GUARD}::test_a_body_that_does_not_come_is_not_waited_for",
            f"{GUARD}::test_too_many_requests_are_told_when_to_come_back",
            "tests/engines/runtime/test_lane.py"
            "::test_beyond_the_limit_a_job_is_refused_but_a_safety_job_is_not",
            "tests/engines/runtime/test_lane.py"
            "::test_a_job_that_waited_too_long_is_withdrawn_and_never_runs",
            "tests/engines/api/test_workers.py"
            "::test_a_job_that_takes_too_long_is_not_waited_for_but_still_counts",
        ),
    ),
    "LLM07:2026": Entry(
        "Misinformation",
        "Every sentence shown is quoted from, or supported by, a numbered passage; what the "
        "documents do not hold is said; dangers come first.",
        (
            f"{RAG}::test_every_sentence_of_a_quoted_answer_stands_in_the_passage_it_cites",
            f"{RAG}::test_what_the_documents_do_not_hold_is_said_with_the_nearest_topics",
            f"{GROUNDING}::test_a_sentence_that_says_something_else_has_a_problem",
            f"{GROUNDING}::test_a_changed_number_of_the_documents_is_found_out",
            "tests/engines/rag/test_chat.py"
            "::test_a_written_answer_streams_and_every_sentence_shown_is_supported",
            "tests/engines/rag/test_chat.py"
            "::test_a_written_answer_to_a_danger_opens_with_the_documents_own_words",
        ),
    ),
    "LLM08:2026": Entry(
        "Hidden Context Exposure",
        "The prompt holds fixed rules that anybody can read in the source, passages and the "
        "session's own questions; no key and no setting reaches it.",
        (
            f"{HERE}::test_no_setting_and_no_environment_reaches_the_prompt",
            f"{PROMPT}::test_a_prompt_holds_rules_numbered_passages_and_the_question",
            f"{INJECTION}::test_nobody_reads_another_sessions_documents",
        ),
    ),
    "LLM09:2026": Entry(
        "Vector and Embedding Weaknesses",
        "Vectors of added documents are searched in their session alone; the cache of vectors has "
        "a checksum; the key of a vector server is never shown.",
        (
            f"{RAG}::test_a_visitors_document_is_cited_in_their_session_only",
            "tests/engines/rag/test_index.py::test_a_damaged_cache_is_made_again_with_a_warning",
            f"{SECRETS}::test_settings_never_print_them",
        ),
    ),
    "LLM10:2026": Entry(
        "Improper Output Handling",
        "What the model, a document or a visitor wrote is escaped wherever it is shown, and never "
        "becomes markup, a link, a file name or a command.",
        (
            "tests/components/test_chat_view.py"
            "::test_sentences_titles_and_passages_of_a_document_stay_inert",
            "tests/components/test_chat_view.py"
            "::test_markdown_in_a_question_is_shown_and_does_nothing",
            "tests/components/test_chat_tab.py"
            "::test_the_page_offers_one_public_call_and_keeps_the_conversation_inert",
            "tests/browser/test_chat_browser.py"
            "::test_script_in_a_question_is_shown_and_does_nothing",
            "tests/browser/test_upcycle_browser.py"
            "::test_script_in_a_thing_is_shown_and_does_nothing",
            f"{INJECTION}::test_markup_in_a_question_stays_text",
            f"{UPLOADS}::test_no_name_keeps_path_parts_markup_or_control_characters",
            f"{SERVED}::test_an_upload_that_a_browser_could_run_is_only_handed_back_as_a_download",
        ),
    ),
}

# With these a chat could act on the world outside of its answer.
ACTING = frozenset(
    (
        *("subprocess", "socket", "socketserver", "smtplib", "ftplib", "telnetlib", "webbrowser"),
        *("ctypes", "urllib.request", "http.client", "requests", "httpx", "aiohttp"),
        "multiprocessing",
    )
)


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((REPO_ROOT / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def test_all_ten_entries_are_answered() -> None:
    assert list(ENTRIES) == [f"LLM{number:02d}:2026" for number in range(1, 11)]
    for entry in ENTRIES.values():
        assert entry.tests
        assert len(entry.here) > 60


@pytest.mark.parametrize("number", ENTRIES)
def test_every_test_that_covers_an_entry_exists(number: str) -> None:
    for node in ENTRIES[number].tests:
        file, _, name = node.partition("::")
        assert name in names_in(file), node


def test_a_test_that_is_gone_would_be_noticed() -> None:
    assert "test_that_never_was" not in names_in(HERE)
    assert "test_a_test_that_is_gone_would_be_noticed" in names_in(HERE)


def test_the_chat_can_only_read_and_write_text() -> None:
    chat = [
        path
        for path in modules("engines/llm", "engines/rag")
        if "fit" not in path.parts and path.name != "app.py"
    ]
    assert len(chat) > 40
    for path in chat:
        names = imported(ast.parse(path.read_text("utf-8")))
        assert not names & ACTING, path.name
        assert not any(name.startswith(("engines.waste", "engines.api")) for name in names)


def test_no_setting_and_no_environment_reaches_the_prompt() -> None:
    source = (REPO_ROOT / "engines" / "llm" / "prompt.py").read_text("utf-8")
    names = imported(ast.parse(source))
    assert not {name for name in names if "settings" in name or name in ("os", "pathlib")}
    assert "Settings" not in source


def test_every_limit_has_a_bound_that_is_in_force() -> None:
    settings = Settings()
    limits = (
        "llm_max_new_tokens", "max_image_pixels", "max_upload_mb", "max_document_pages",
        "max_documents", "max_batch_files", "queue_limit", "lane_timeout_s",
        "api_requests_per_s", "api_burst", "api_timeout_s",
    )  # fmt: skip
    for name in limits:
        assert 0 < getattr(settings, name) < float("inf"), name


def test_what_security_md_names_exists() -> None:
    text = SECURITY_MD.read_text("utf-8")
    variables = set(re.findall(r"RELEAF_(\w+)", text))
    assert variables <= {name.upper() for name in Settings.model_fields}
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (REPO_ROOT / path).exists(), path
    for target in re.findall(r"make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", (REPO_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "@" not in text  # reports go to GitHub's private form; nobody reads an address
