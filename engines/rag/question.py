"""Make a question fit to read, and tell other languages from English. Word lists, no model."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from engines.rag.words import word_set
from engines.runtime.errors import InputError

MAX_CHARS = 2000


def clean_question(text: str) -> str:
    """Return the question without control characters, on one line, with plain apostrophes.

    Raises:
        InputError: if nothing to read is left (empty, only emoji or signs), or if it is longer
            than `MAX_CHARS` characters.
    """
    kept = []
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        # Control characters, invisible marks, halves of characters, private and unassigned ones.
        elif not category.startswith("C"):
            kept.append("'" if char in "’‘ʼ`´" else char)
    # Once more: letters that an invisible mark kept apart may have come together.
    cleaned = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    if not any(char.isalnum() for char in cleaned):
        raise InputError(
            "There is no question in this message.",
            "Type one in words, such as: where does a glass jar go?",
        )
    if len(cleaned) > MAX_CHARS:
        raise InputError(
            f"This question has {len(cleaned):,} characters; at most {MAX_CHARS:,} can be read.",
            "Shorten it to what you want to know, or add the text as a document.",
        )
    return cleaned


# Scripts by the first word of a letter's Unicode name. A script of many languages is named as one.
_SCRIPTS = {
    "CYRILLIC": "a language in Cyrillic letters",
    "ARABIC": "a language in Arabic letters",
    "DEVANAGARI": "a language in Devanagari letters",
    "GREEK": "Greek",
    "HEBREW": "Hebrew",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese",
}
_FUNCTION_WORDS = {
    "Spanish": "el la los las un una unos del al de en es son que qué como cómo donde dónde cual "
    "cuál cuando por para con sin se me mi mis su puedo puede hay esta este esto está y pero muy "
    "cuánto cuanto hacer quiero reciclar basura botella pilas tiro tirar debo va van quién lo le",
    "French": "le la les un une des du de au aux en est sont que quoi quel quelle quelles quels "
    "comment où ou quand pourquoi pour avec sans dans sur je tu il elle nous vous mon ma mes ce "
    "cette ces puis peut peux faut on et mais très ne pas veux recycler poubelle jeter mettre "
    "faire ça qui",
    "German": "der die das den dem ein eine einen einem einer und oder ist sind wo wohin wie was "
    "warum wann kann darf muss soll ich du wir ihr man mein meine meinen nicht mit ohne für von zu "
    "zum zur im in auf aus bei gehört gehören kommt kommen werden wird entsorgen entsorge welche "
    "welcher welches wer noch auch mülltonne",
    "Dutch": "de het een en of is zijn waar hoe wat waarom wanneer kan mag moet moeten ik je jij u "
    "wij we mijn niet met zonder voor van naar in op bij welke wie ook nog dit dat deze gaat gooi "
    "afval recyclen bak weg weggooien gooien oude",
    "Italian": "il lo la i gli le un uno una del della dei delle di da in è sono che cosa come "
    "dove quando perché per con senza posso può si mi mio mia questo questa e ma non va vanno "
    "butto buttare riciclare rifiuti devo quale chi nel nella al",
    "Portuguese": "o a os as um uma do da dos das de em no na é são que como onde quando por para "
    "com sem posso pode se eu meu minha este esta isto e mas não qual quem vai vão jogo jogar "
    "quero reciclar lixo garrafa devo deito ao você faço",
}
_ENGLISH_FUNCTION_WORDS = (
    "the a an and or but of to in on at for from with without is are was were be been do does did "
    "can could should would will may must have has had i you he she it we they me my your our "
    "their this that these those what where when why how who which not no if as by about into so "
    "im dont cant put go goes old u wat am any some there than then bin throw recycle use get"
)
_WORDS_OF = {name: word_set(words) for name, words in _FUNCTION_WORDS.items()}
_WORDS_OF_ENGLISH = word_set(_ENGLISH_FUNCTION_WORDS)
# Words and letters that settle it alone where nothing in the question is English.
_TELLING_WORDS = {
    "wohin": "German", "gehört": "German", "entsorgen": "German", "dónde": "Spanish",
    "donde": "Spanish", "cómo": "Spanish", "où": "French", "pourquoi": "French",
    "waar": "Dutch", "weggooien": "Dutch", "perché": "Italian", "buttare": "Italian",
    "onde": "Portuguese", "não": "Portuguese", "você": "Portuguese",
}  # fmt: skip
_TELLING_LETTERS = {"¿": "Spanish", "ñ": "Spanish", "ß": "German", "ã": "Portuguese"}


def looks_foreign(text: str) -> str | None:
    """Name the language of a question that is not in English; None for English.

    Another script is told by most of its letters. In Latin letters the function words of six
    languages are counted against those of English, so "what does Gelbe Tonne mean" stays English.
    """
    letters = [char for char in text if char.isalpha()]
    scripts: dict[str, int] = defaultdict(int)
    for char in letters:
        scripts[unicodedata.name(char, "LATIN").split()[0].split("-")[0]] += 1
    other = sum(count for script, count in scripts.items() if script in _SCRIPTS)
    if letters and 2 * other >= len(letters):
        if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0:
            return "Japanese"
        return _SCRIPTS[max(_SCRIPTS, key=lambda script: scripts[script])]
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in _WORDS_OF_ENGLISH for word in words)
    counts = {name: sum(word in known for word in words) for name, known in _WORDS_OF.items()}
    telling = [name for sign, name in _TELLING_LETTERS.items() if sign in text.lower()]
    telling += [_TELLING_WORDS[word] for word in words if word in _TELLING_WORDS]
    for name in telling:
        counts[name] += 1
    best = max(counts, key=lambda name: counts[name])
    # Two short words are too little: "in la" is Los Angeles.
    is_enough = counts[best] >= 2 and (len(words) > 2 or best in telling)
    return best if is_enough and counts[best] > english else None
