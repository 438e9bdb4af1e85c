"""Everyday words for things that the documents call by another name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from engines.runtime.errors import InputError
from engines.runtime.yaml_files import StrictLoader

FILE_NAME = "synonyms.yaml"


class Synonyms:
    """Add to a question what the documents call the things in it.

    Args:
        words: everyday word or short phrase -> the documents' words.

    Example:
        >>> Synonyms({"telly": "television"}).widen("old tellys?")
        'old tellys? (television)'
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = {key.lower(): value for key, value in words.items()}
        # Longest first, so that "tin foil" is found before "tin".
        keys = sorted(self._words, key=len, reverse=True)
        either = "|".join(re.escape(key) for key in keys)
        self._pattern = re.compile(rf"(?<![\w-])({either})(?:s|es)?(?![\w-])", re.IGNORECASE)

    @classmethod
    def load(cls, folder: Path) -> Synonyms:
        """Read synonyms.yaml of the documents' folder; without the file there are none.

        Raises:
            InputError: if it is no mapping of words to words.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            return cls({})
        try:
            words = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"{path} can't be read ({error}).", "Correct the file.") from error
        if not isinstance(words, dict) or not all(
            isinstance(k, str) and isinstance(v, str) for k, v in words.items()
        ):
            raise InputError(f"{path} is no list of “word: words” lines.", "Correct the file.")
        return cls(words)

    @property
    def words(self) -> frozenset[str]:
        """Every single word that stands in an entry, so that none is taken for a typo."""
        return frozenset(word for key in self._words for word in key.split())

    def widen(self, question: str) -> str:
        """Return the question with the documents' words for its things in brackets behind it."""
        if not self._words:
            return question
        found = [self._words[match.lower()] for match in self._pattern.findall(question)]
        known = question.lower()
        added = [words for words in dict.fromkeys(found) if words not in known]
        return f"{question} ({', '.join(added)})" if added else question

    def replace(self, question: str) -> str:
        """Return the question with the documents' words for its things in their place."""
        if not self._words:
            return question
        return self._pattern.sub(lambda found: self._words[found[1].lower()], question)
