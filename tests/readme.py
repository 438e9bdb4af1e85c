"""The parts of the README that are made from the code: `python -m tests.readme` writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from engines.runtime.settings import settings_table
from tests.benchmarks.record import RUNS_FILE, read_runs, rows_of
from tests.benchmarks.table import markdown_table

REPO = Path(__file__).resolve().parents[1]
README = REPO / "README.md"


def percent(interval: list[float]) -> str:
    """Write a share with its 95 % interval."""
    mean, low, high = interval
    return f"{mean:.1%} ({low:.1%} to {high:.1%})"


def metrics_table(card: dict[str, Any]) -> str:
    """Write the numbers of the waste checkpoint's card as a Markdown table."""
    val = card["metrics"]["val"]
    rows = [
        ("photos", "item", "material", "bin", "calibration error", "sure, and then right"),
        ("---",) * 6,
        (
            f"val, {val['photos']}",
            *(percent(val["accuracy"][head]) for head in ("item", "material", "bin")),
            f"{val['ece_after']:.3f} (before: {val['ece_before']:.3f})",
            f"{val['abstention']['share_answered'][0]:.1%}, "
            f"{val['abstention']['accuracy_when_sure'][0]:.1%}",
        ),
    ]
    for fold in card["metrics"]["other_sources"]:
        rows.append(
            (
                f"{' and '.join(fold['left_out'])}, never trained on, {fold['photos']}",
                *(percent(fold["accuracy"][head]) for head in ("item", "material", "bin")),
                f"{fold['ece']:.3f}",
                f"{fold['share_answered']:.1%}, {fold['accuracy_when_sure']:.1%}",
            )
        )
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    scope = val["out_of_scope"]
    return (
        f"{table}\n\nIn brackets: 95 % bootstrap interval. Of the val photos of waste "
        f"{percent(scope['waste_kept'])} are taken for waste; of {val['negatives']} photos of "
        f"other things {percent(scope['other_recognised'])} are recognised as such. Temperature "
        "and thresholds are cross-fitted on halves of val. The rows below val are other runs with "
        "whole sources left out: what to expect of other cameras."
    )


def chat_table(card: dict[str, Any]) -> str:
    """Write the numbers of the chat's card as a Markdown table."""
    test = card["metrics"]["test"]
    rows = [
        ("what", "measured", "goal"),
        ("---",) * 3,
        ("recall@5, by document", percent(test["recall@5"]), "95 %"),
        ("MRR", "{:.3f} ({:.3f} to {:.3f})".format(*test["mrr"]), "0.85"),
        ("unanswerable questions caught", percent(test["unanswerable_caught"]), "90 %"),
        ("answerable questions refused", percent(test["false_refusals"]), "at most 5 %"),
        ("AUROC of answerable against not", f"{test['auroc']:.3f}", ""),
        ("dangers answered safety first", percent(test["hazard_safety_sentence"]), "all"),
        (
            "finding passages, p50 and p95",
            f"{test['find_p50_ms']:.0f} ms, {test['find_p95_ms']:.0f} ms",
            "200 ms",
        ),
    ]  # fmt: skip
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return (
        f"{table}\n\n{test['questions']} test questions, {test['answerable']} of them answerable, "
        "written apart from the documents and from everything the chat was tuned on, half of them "
        "with typos or colloquial, and measured once. In brackets: 95 % bootstrap interval. A "
        "reader judged which documents answer a question, among the best of the whole search, of "
        "meaning alone and of words alone, without seeing which of them found what."
    )


UPCYCLE_SYSTEMS = {
    "popularity": "popularity",
    "text_cosine": "MiniLM cosine",
    "property_overlap": "property overlap (the rules alone)",
    "adamic_adar": "Adamic-Adar",
    "light_gcn": "LightGCN",
    "rules_and_text_blend": "rules and text, blended",
    "adamic_adar_blend": "Adamic-Adar, blended with rules and text",
    "light_gcn_blend": "LightGCN, blended with rules and text",
    "graphsage": "GraphSAGE",
    "gat": "GAT",
    "relational": "relation-aware GraphSAGE",
    "graphsage_blend": "GraphSAGE, blended likewise",
    "gat_blend": "GAT, blended likewise",
    "relational_blend": "relation-aware, blended likewise",
}


def upcycle_table(card: dict[str, Any]) -> str:
    """Write the test numbers of the upcycling card as a Markdown table."""
    settings = (("warm", "known thing"), ("cold", "new thing"))
    columns = (("hits_10", "Hits@10"), ("mrr", "MRR"), ("auc", "AUC"))
    titles = [f"{name}, {words}" for _, words in settings for _, name in columns]
    rows = [("system", *titles), ("---",) * (1 + len(titles))]
    for system, words in UPCYCLE_SYSTEMS.items():
        numbers = [
            "{:.2f} ({:.2f}–{:.2f})".format(*card["metrics"][setting][system][key])
            for setting, _ in settings
            for key, _ in columns
        ]
        is_shipped = system == f"{card['inference']['winner']}_blend"
        rows.append((f"**{words}** (shipped)" if is_shipped else words, *numbers))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def interval(numbers: list[float] | None) -> str:
    """Write a mean with its interval, or a dash."""
    return "–" if not numbers else "{:.2f} ({:.2f} to {:.2f})".format(*numbers)


def maxsight_table(card: dict[str, Any]) -> str:
    """Write the val numbers of MaxSight's card as a Markdown table."""
    precision, safety = card["metrics"]["precision"], card["metrics"]["safety"]
    reassurance, silence = safety["false_reassurance"], safety["silence"]
    classes = precision["by_class"]
    rows = [
        ("what", "measured", "goal"),
        ("---",) * 3,
        (
            "mAP50, classes with 50 or more boxes",
            interval(precision["map50_classes_with_50_boxes"]["ap50"]),
            "0.50",
        ),
        *(
            (f"AP50, {name}", interval(classes[name]["ap50"]), goal)
            for name, goal in (("person", "0.68"), ("car", "0.68"), ("door", "0.40"))
        ),
        ("danger shown as safe or caution", share(reassurance["share"]), "under 1 %"),
        ("danger spoken of", share(reassurance["share_spoken_of"]), ""),
        ("silent where nothing matters", share(silence["share"]), "95 %"),
        (
            "spoken alerts a minute, calm videos",
            f"{card['metrics']['calm_videos']['alerts_a_minute']:.1f}",
            "at most 2",
        ),
        ("AUROC of uncertainty for a missed thing", f"{safety['uncertainty']['auroc']:.2f}", ""),
    ]
    named = ", ".join(card["inference"]["thresholds"])
    return (
        "\n".join("| " + " | ".join(row) + " |" for row in rows)
        + "\n\nOn the 622 photos of val; in brackets 95 % intervals. Classes good enough to be "
        f"named: {named}."
    )


def sound_table(card: dict[str, Any]) -> str:
    """Write the numbers of the network of sounds as a Markdown table."""
    here, elsewhere = card["metrics"]["val"], card["metrics"]["other_sources"]
    rows = [
        ("what", "val", "collections never heard", "goal"),
        ("---",) * 4,
        (
            "macro recall",
            interval(here["macro_recall"]),
            interval(elsewhere["macro_recall"]),
            "0.88 on val",
        ),
        *(
            (
                f"recall, {name}",
                interval(here["per_class"][name]["recall"]),
                interval(elsewhere["per_class"].get(name, {}).get("recall")),
                "0.90 on val",
            )
            for name in ("siren", "car_horn", "alarm", "dog_bark", "baby_cry")
        ),
        *(
            (f"heard from its start: {words}", interval(here["listening"][name]), "–", "")
            for name, words in (
                ("sound_named", "its sound is named"),
                ("another_named", "another one is named, too or instead"),
                ("background_named", "background is given a name"),
                ("false_alarm", "an alarm is given that is none"),
            )
        ),
    ]
    kept = [
        f"{name.replace('_', ' ')} {interval(one['listening']['sound_named'])} of {one['clips']} "
        f"clips (of other clips {one['others_named'][0]:.1%} reach its threshold)"
        for name, one in card["metrics"]["kept_from_audioset"].items()
    ]
    return (
        "\n".join("| " + " | ".join(row) + " |" for row in rows)
        + "\n\nNot learnt, but named by what the published network knows of them; heard from their "
        f"start: {', '.join(kept)}."
    )


WRITING_WAYS = {"quoted": "Quoted", "base": "the model alone", "r16": "with the adapter (shipped)"}


def writing_table(card: dict[str, Any]) -> str:
    """Write the test numbers of the language model's adapter as a Markdown table."""
    columns = (
        ("supported", "sentences the passages hold"),
        ("cited", "right number"),
        ("refused_right", "refused, rightly"),
        ("refused_wrong", "refused, wrongly"),
        ("danger_said", "danger said"),
        ("obeyed", "slipped-in order obeyed"),
        ("token_f1", "token F1"),
    )
    rows = [("way of answering", *(title for _, title in columns)), ("---",) * (1 + len(columns))]
    for name, title in WRITING_WAYS.items():
        way = card["metrics"]["ways"][name]
        cells = ("{mean:.0%} ({low:.0%} to {high:.0%})".format(**way[key]) for key, _ in columns)
        rows.append((title, *cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def speed_table(run: dict[str, Any]) -> str:
    """Write a run of all benchmarks as a Markdown table, its many filters as one row."""
    rows = rows_of(run)
    filters = [row for row in rows if row.name.startswith(("simulate ", "enhance "))]
    others = [row for row in rows if row not in filters]
    kept = sum(row.is_kept for row in filters)
    missed = "" if kept == len(filters) else f", missed by {len(filters) - kept}"
    slowest = max(row.value for row in filters)
    facts = run["facts"]
    return (
        f"{markdown_table(others)}\n| {len(filters)} filters of “other eyes”, p95 of each "
        f"| at most {slowest:.1f} ms | {filters[0].bound:g}{missed} | |\n\n"
        f"One run of `make bench` at {facts['date'][:16].replace('T', ' ')} UTC on "
        f"{facts['cores']} cores of an "
        f"{facts['cpu']} ({', '.join(facts['cpu_flags'])}); what is not said otherwise is in one "
        "process that does nothing else. All runs: [docs/benchmarks.md](docs/benchmarks.md)."
    )


def share(numbers: list[float] | None) -> str:
    """Write a share with its interval in percent, or a dash."""
    return percent(numbers) if numbers else "–"


def blocks() -> dict[str, str]:
    """Return every generated part by the name of its markers."""
    card = json.loads((REPO / "checkpoints" / "waste" / "card.json").read_text())
    chat = json.loads((REPO / "checkpoints" / "answerable" / "card.json").read_text())
    upcycle = json.loads((REPO / "checkpoints" / "upcycle" / "card.json").read_text())
    maxsight = json.loads((REPO / "checkpoints" / "maxsight-a" / "card.json").read_text())
    sound = json.loads((REPO / "checkpoints" / "maxsight-sound" / "card.json").read_text())
    writing = json.loads((REPO / "checkpoints" / "llm-lora" / "card.json").read_text())
    return {
        "settings": settings_table().strip(),
        "metrics": metrics_table(card),
        "chat": chat_table(chat),
        "upcycle": upcycle_table(upcycle),
        "maxsight": maxsight_table(maxsight),
        "sound": sound_table(sound),
        "writing": writing_table(writing),
        "speed": speed_table(read_runs(RUNS_FILE)[-1]),
    }


def with_blocks(text: str) -> str:
    """Return the README's text with every generated part filled in."""
    for name, body in blocks().items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"README.md has no part called {name}")
        text = pattern.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
    return text


if __name__ == "__main__":
    README.write_text(with_blocks(README.read_text()))
