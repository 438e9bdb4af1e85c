"""Which language a short text is in, where it tells; most signs do not."""

from __future__ import annotations

import re
import unicodedata

# Letters that, among the languages below, only one writes.
OWN_LETTERS = {"de": "ß", "es": "ñ¿¡"}
# Simplified characters that Japanese does not use.
SIMPLIFIED = "请这们吗门车开东关务电话馆厅时为进员间问"
# Words that are frequent in one of these languages and in none of the others: function words, and
# words of signs. What is also a name or an abbreviation (los, von, est) is left out. French,
# Italian, Portuguese and Dutch are here so as not to be mistaken for the others.
WORDS: dict[str, str] = {
    "en": "the and of is are with from this that not please open closed push pull exit entrance "
    "caution warning danger wet floor street road keep out only way parking toilets platform "
    "welcome your you smoking no here to by office store for",
    "es": "por con está este esta abierto cerrado empujar tirar salida cuidado peligro calle "
    "avenida prohibido paso aseos bienvenidos gracias favor emergencia dónde baño piso suelo "
    "mojado horario entrada",
    "de": "der die und ist sind für nicht bitte zum zur geöffnet geschlossen drücken ziehen "
    "ausgang eingang notausgang vorsicht achtung gefahr straße weg gleis verboten willkommen "
    "danke öffnungszeiten einfahrt freihalten kein keine eine uhr gesperrt rauchen",
    "fr": "les des sont avec vous ouvert fermé poussez tirez sortie entrée rue interdit merci "
    "bienvenue défense pour",
    "it": "gli della aperto chiuso spingere tirare uscita ingresso attenzione vietato grazie "
    "benvenuti divieto",
    "pt": "dos não aberto fechado empurre puxe saída perigo rua proibido obrigado você entrada",
    "nl": "het een niet open gesloten duwen trekken uitgang ingang verboden straat welkom "
    "alstublieft voor",
}
_WORDS = {language: frozenset(words.split()) for language, words in WORDS.items()}
_SPLIT = re.compile(r"[^\w]+")


def language_of(text: str) -> str | None:
    """Name the language of a text where its letters or words tell, as an ISO 639-1 code.

    Japanese by kana, Korean by hangul, Chinese by simplified characters; Greek by its letters; the
    Latin languages of WORDS by a letter that only one writes, else by known words that are of one
    language alone. A single word that several share, a name or a number gives None.
    """
    by_script = _by_script(text)
    if by_script is not None:
        return by_script
    lower = unicodedata.normalize("NFC", text).lower()
    own = {language for language, letters in OWN_LETTERS.items() if set(letters) & set(lower)}
    if len(own) == 1:
        return own.pop()
    words = [word for word in _SPLIT.split(lower) if word]
    counts = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    best = max(counts.values())
    leading = [language for language, count in counts.items() if count == best]
    return leading[0] if best and len(leading) == 1 else None


def _by_script(text: str) -> str | None:
    names = [unicodedata.name(letter, "") for letter in text if letter.isalpha()]
    if any(name.startswith(("HIRAGANA", "KATAKANA")) for name in names):
        return "ja"
    if any(name.startswith("HANGUL") for name in names):
        return "ko"
    if set(text) & set(SIMPLIFIED):
        return "zh"
    if names and all(name.startswith("GREEK") for name in names):
        # One Greek letter is a sign of mathematics or a unit.
        return "el" if len(names) > 1 else None
    return None
