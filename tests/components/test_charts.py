"""The chart of the search and the tables that say the same."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from components.charts import (
    LINE_COLORS,
    MAX_CHARTED,
    retrieval_chart,
    retrieval_table,
    trace_html,
)
from components.theme import contrast_ratio
from engines.rag.retrieve import Candidate
from tests.components.test_chat_view import answer

# White cards, dark cards and the black of high contrast, as in app.css.
GROUNDS = ("#ffffff", "#181d18", "#000000")


def candidate(number: int, **changes: object) -> Candidate:
    made = Candidate(
        chunk_id=f"guide/{number}#0",
        title=f"Title {number}",
        heading="In short",
        dense_rank=number,
        bm25_rank=number + 1,
        fused_rank=number,
        rerank_rank=None,
        dense_score=0.5,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def rows_of(table: str) -> list[list[str]]:
    return [
        [
            html.unescape(re.sub("<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", table)
    ]


def test_every_candidate_is_a_line_through_the_stages_that_ran() -> None:
    figure = retrieval_chart([candidate(1), candidate(2, bm25_rank=None)])
    assert figure is not None
    assert [list(line.x) for line in figure.data] == [["By meaning", "By words", "Both"]] * 2
    assert [list(line.y) for line in figure.data] == [[1, 2, 1], [2, None, 2]]
    assert figure.layout.yaxis.autorange == "reversed"


def test_reranking_is_drawn_where_it_ran() -> None:
    figure = retrieval_chart([candidate(1, rerank_rank=2), candidate(2, rerank_rank=1)])
    assert figure is not None
    assert [line.y[-1] for line in figure.data] == [2, 1]
    assert figure.data[0].x[-1] == "Reranked"


def test_the_number_of_a_line_stands_at_its_last_rank_and_is_its_row_in_the_table() -> None:
    candidates = [candidate(1, fused_rank=None), candidate(2)]
    figure = retrieval_chart(candidates)
    assert figure is not None
    assert [list(line.text) for line in figure.data] == [["", "1", ""], ["", "", "2"]]
    assert [row[0] for row in rows_of(retrieval_table(candidates))[1:]] == ["1", "2"]


def test_the_table_says_the_rank_of_every_candidate_in_every_stage() -> None:
    rows = rows_of(retrieval_table([candidate(1), candidate(2, bm25_rank=None)]))
    assert rows == [
        ["No.", "Passage", "By meaning", "By words", "Both"],
        ["1", "Title 1 In short", "1", "2", "1"],
        ["2", "Title 2 In short", "2", "–", "2"],
    ]


def test_without_candidates_there_is_a_sentence_and_no_chart() -> None:
    assert retrieval_chart([]) is None
    assert retrieval_table([]) == "<p>No passage was found.</p>"


def test_lines_differ_by_sign_as_well_as_by_colour_and_are_few() -> None:
    figure = retrieval_chart([candidate(number) for number in range(1, 40)])
    assert figure is not None
    assert len(figure.data) == MAX_CHARTED
    assert len({line.marker.symbol for line in figure.data}) == MAX_CHARTED
    assert len({line.line.color for line in figure.data}) == MAX_CHARTED


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("color", LINE_COLORS)
def test_every_line_can_be_seen_on_every_ground(color: str, ground: str) -> None:
    assert contrast_ratio(color, ground) >= 3


def test_titles_are_escaped_in_chart_and_table() -> None:
    hostile = candidate(1, title='<a href="http://evil.example">x</a>', heading="<script>")
    figure = retrieval_chart([hostile])
    assert figure is not None
    assert "<a " not in figure.data[0].hovertemplate
    assert not re.search("<(a|script)", retrieval_table([hostile]))


def test_the_details_say_how_the_question_was_read_and_how_long_each_step_took() -> None:
    found = dict(
        row for row in rows_of(trace_html(answer(), {"germany": "Germany"})) if len(row) == 2
    )
    assert found["Searched for"] == "dead vape"
    assert found["Spelling"] == "“ded” read as “dead”"
    assert found["The question is about"] == "something dangerous (91%)"
    assert found["Place"] == "Germany"
    assert found["Search by meaning"] == "12 ms"


def test_a_written_answer_says_how_many_sentences_the_check_changed() -> None:
    page = trace_html(answer(mode="written", changed_sentences=2), {})
    assert ["Sentences the check replaced or dropped", "2"] in rows_of(page)


def test_before_the_first_answer_the_details_say_what_to_do() -> None:
    assert "Ask a question first" in trace_html(None, {})
