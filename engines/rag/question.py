"""Understand a question before it is searched for. Rules and word lists only, no model.

`clean_question` makes it fit to read, `looks_foreign` names a language that is not English,
`Speller` mends misspelt words, `region_in` finds the place it is about, and `rewrite_follow_up`
makes a question stand alone that leans on the one before.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from engines.runtime.errors import InputError

MAX_CHARS = 2000


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- cleaning -------------------------------------------------------------------------------


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


# --- language -------------------------------------------------------------------------------

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
_WORDS_OF = {name: _word_set(words) for name, words in _FUNCTION_WORDS.items()}
_WORDS_OF_ENGLISH = _word_set(_ENGLISH_FUNCTION_WORDS)
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


# --- places ---------------------------------------------------------------------------------

# A country's name stands for the one place of it that has rules here (Japan for Tokyo). Several
# names are left out because they are words first: Nice, Reading, Bath, Essen, Turkey, Polish.
_PLACES = {
    "us_california": "california|californian|cali|los angeles|san francisco|bay area|san diego|"
    "sacramento|oakland|san jose|berkeley|fresno|long beach|anaheim|santa monica|pasadena|"
    "silicon valley|hollywood",
    "us_single_stream": "usa|united states|united states of america|america|american|alabama|"
    "alaska|arizona|arkansas|colorado|connecticut|delaware|florida|hawaii|idaho|illinois|indiana|"
    "iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|"
    "missouri|montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|nyc|brooklyn|"
    "manhattan|north carolina|north dakota|ohio|oklahoma|oregon|pennsylvania|rhode island|"
    "south carolina|south dakota|tennessee|texas|texan|utah|vermont|virginia|west virginia|"
    "washington|wisconsin|wyoming|new england|atlanta|austin|baltimore|boston|chicago|cleveland|"
    "dallas|denver|detroit|houston|las vegas|miami|milwaukee|minneapolis|nashville|new orleans|"
    "orlando|philadelphia|pittsburgh|portland|san antonio|seattle|st louis|salt lake city",
    "canada_bc": "canada|canadian|british columbia|vancouver|burnaby|kelowna|kamloops|nanaimo|"
    "whistler|abbotsford|recycle bc|recyclebc",
    "uk_england": "uk|united kingdom|great britain|britain|british|england|london|manchester|"
    "birmingham|leeds|liverpool|bristol|sheffield|nottingham|leicester|brighton|norwich|"
    "southampton|newcastle upon tyne|coventry|cornwall|yorkshire",
    "germany": "germany|german|deutschland|berlin|hamburg|munich|munchen|koln|frankfurt|stuttgart|"
    "dusseldorf|leipzig|dresden|dortmund|bremen|hannover|hanover|nuremberg|nurnberg|bavaria|"
    "bavarian",
    "france": "france|french|paris|parisian|lyon|marseille|toulouse|nantes|strasbourg|lille|"
    "montpellier|rennes|grenoble",
    "netherlands": "netherlands|the netherlands|nederland|holland|dutch|amsterdam|rotterdam|"
    "utrecht|the hague|den haag|eindhoven|groningen|maastricht",
    "spain": "spain|spanish|espana|madrid|barcelona|valencia|seville|sevilla|bilbao|malaga|"
    "zaragoza|granada|mallorca|catalonia|andalusia",
    "australia_nsw": "australia|australian|aussie|nsw|new south wales|sydney|wollongong|"
    "parramatta|newcastle nsw",
    "japan_tokyo": "japan|japanese|tokyo|shibuya|shinjuku|setagaya",
    # Known, but without rules of their own here, and no near enough neighbour.
    "": "scotland|scottish|edinburgh|glasgow|aberdeen|dundee|wales|welsh|cardiff|swansea|"
    "northern ireland|belfast|ireland|irish|dublin|austria|austrian|vienna|switzerland|zurich|"
    "geneva|italy|italian|rome|milan|naples|portugal|portuguese|lisbon|belgium|belgian|brussels|"
    "denmark|danish|copenhagen|sweden|swedish|stockholm|norway|norwegian|oslo|finland|finnish|"
    "helsinki|poland|warsaw|greece|athens|hungary|budapest|romania|czech republic|czechia|prague|"
    "russia|ukraine|india|indian|mumbai|delhi|mexico|brazil|brazilian|argentina|south africa|"
    "new zealand|auckland|singapore|hong kong|taiwan|taipei|korea|south korea|seoul|philippines|"
    "manila|thailand|indonesia|malaysia|vietnam|ontario|toronto|ottawa|quebec|montreal|alberta|"
    "calgary|edmonton|manitoba|winnipeg|nova scotia|melbourne|brisbane|perth|adelaide|canberra|"
    "queensland|tasmania|hobart|osaka|kyoto|yokohama|nagoya|sapporo|fukuoka",
}
_PLACE_ID = {name: place for place, names in _PLACES.items() for name in names.split("|")}
_PLACE_NAMES = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _PLACE_ID), key=len, reverse=True)) + r")(?:'?s)?\b"
)
_NO_PLACE = re.compile(
    r"plaster of paris|paris (?:agreement|accord|climate)|french (?:fr(?:y|ies)|press|toast|horn|"
    r"bread|doors?|windows?|polish|bulldog)|german shepherd|dutch oven|brussels sprouts?|"
    r"spanish (?:onion|olive)s?|japanese (?:knotweed|maple)|danish (?:pastry|pastries)|"
    r"irish (?:cream|stew)|italian seasoning|american (?:cheese|football)|swiss army|indian ink|"
    r"new york cheesecake|kyoto protocol|california roll|jack london|boston terrier|"
    r"(?:in|into|speak|speaking|from|understand|write) (?:german|french|dutch|spanish|japanese|"
    r"italian|portuguese|danish|swedish|norwegian|finnish)"
    r"(?= *(?:$|[?.!,;)]|(?:please|pls|and|or)\b))|(?:south|north|latin|central) americas?n?|"
    r"portland cement"
)
# Short forms that are other words in lower case: US, LA, CA, BC. Washington's WA is also
# Western Australia, Oregon's OR and Indiana's IN are words, so those stay out.
_SHORT_FORMS = (
    (re.compile(r"(\bU\.S\.(?:A\.)?|\bUS\b|\bthe us\b)"), "us_single_stream"),
    (re.compile(r"\b(TX|NY|NJ|FL)\b"), "us_single_stream"),
    (re.compile(r"(\bL\.A\.|\bLA\b|\bCA\b)|\b[Ii]n (la)\b"), "us_california"),
    (re.compile(r"(\bB\.C\.|\bBC\b)|\b[Ii]n (bc)\b"), "canada_bc"),
    (re.compile(r"(\b[Uu]\.[Kk]\.)"), "uk_england"),
    (re.compile(r"\b(English) (?:council|town|rule|law|household|bin)s?\b"), "uk_england"),
    (re.compile(r"\b[Ii]n ([Cc]ologne)\b"), "germany"),
    (re.compile(r"\b[Ii]n ([Bb]ordeaux|Nice)\b"), "france"),
)


def region_in(text: str) -> str | None:
    """Return the id of the place that a text is about, None where it names none or several.

    Countries, adjectives, states and cities count ("german", "LA", "Sydney"). A US state other
    than California is us_single_stream. Places that are known but have no rules here (Scotland,
    Austria, Osaka) give None, also when a wider place stands beside them ("Scotland, UK").
    """
    found = {place for _, _, place in _place_spans(text)}
    if found == {"us_california", "us_single_stream"}:
        return "us_california"
    return found.pop() or None if len(found) == 1 else None


def _place_spans(text: str) -> list[tuple[int, int, str]]:
    """Return where names of places stand in a text: (start, end, id); id "" without rules."""
    if _is_shouted(text):
        text = text.lower()
    plain = _NO_PLACE.sub(lambda hit: "_" * len(hit[0]), _plain(text))
    spans = [(*hit.span(), _PLACE_ID[_place_key(hit[0])]) for hit in _PLACE_NAMES.finditer(plain)]
    for pattern, place in _SHORT_FORMS:
        spans.extend((*hit.span(hit.lastindex or 0), place) for hit in pattern.finditer(text))
    return sorted(spans)


def _place_key(name: str) -> str:
    return name if name in _PLACE_ID else re.sub(r"'?s$", "", name)


def _plain(text: str) -> str:
    """Lower-case a text and take its accents off; every character stays at its position."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFKD", char)[0].lower()[0] for char in text)


def _is_shouted(text: str) -> bool:
    """Tell whether capitals mean nothing here: there are three words and no small letter."""
    return len(text.split()) > 2 and not any(char.islower() for char in text)


# --- spelling -------------------------------------------------------------------------------

_TEXTING = {
    "u": "you", "r": "are", "ur": "your", "n": "and", "w": "with", "w/": "with", "w/o": "without",
    "b4": "before", "wat": "what", "wot": "what", "wut": "what", "wht": "what", "wats": "what's",
    "wich": "which", "whcih": "which", "teh": "the", "hte": "the", "thier": "their",
    "dont": "don't", "cant": "can't", "wont": "won't", "isnt": "isn't", "arent": "aren't",
    "doesnt": "doesn't", "didnt": "didn't", "shouldnt": "shouldn't", "wouldnt": "wouldn't",
    "couldnt": "couldn't", "havent": "haven't", "hasnt": "hasn't", "im": "I'm", "ive": "I've",
    "whats": "what's", "wheres": "where's", "hows": "how's", "thats": "that's", "whos": "who's",
    "pls": "please", "plz": "please", "thx": "thanks", "ty": "thanks", "bc": "because",
    "cuz": "because", "coz": "because", "cos": "because", "ppl": "people", "thru": "through",
    "sth": "something", "smth": "something", "gonna": "going to", "wanna": "want to",
    "fone": "phone", "bday": "birthday", "yr": "year", "yrs": "years", "btw": "by the way",
    "abt": "about", "tho": "though", "idk": "I don't know", "wen": "when", "wer": "where",
    "wher": "where", "shud": "should", "cud": "could", "wud": "would",
}  # fmt: skip
# What people here write most, so a misspelt word is read as one of these.
_TARGET_WORDS = """
about after allowed aluminium aluminum asbestos away bag bags batteries battery because before
between bin bottle bottles box boxes bring broken can can't cans cardboard carton charger chemicals
clothes collected compost composting container couch could council curb dangerous diaper diapers
difference different disposal dispose does don't donate dropped dustbin expired freezer fridge from
garbage glass have hazardous how instead into isn't jar kerb landfill laptop leaking lid lightbulb
lighter mattress medicine medicines mercury metal microwave nappies nappy needle needles paper
phone picked plastic please poisonous polystyrene possible really recyclable recycle recycling
repair reuse rubbish shoes should sofa styrofoam swollen television that their them there these
this those throw thrown toxic trash upcycle vape waste what when where which who why with without
would
"""
# Common words that the documents don't have and that are one or two letters from words they have.
_COMMON_WORDS = """
apple architecture aunt award bandage bandages battle became beep beeping bell bench bite blind
boil bolt boost boring born boss brain brave breath brick burger calm camp cannon cash castle chat
chew chord chuck coach coast color comb compete compose computing concert confirm confused connect
conversation convert cough course court create crisis crowd cure cute dawn dear debt dentist
detection director discuss dose drank drone drunk duck dumb east exit expert explain fair fear feet
flag forgot freedom gain gave generate glow golf grand grape grave guess hall happened hate here
hero horse host hunt important improve inflation injury jewelry kids king knew knit lack lady lane
late launch lawyer lego licked link loan location lord loud love lover loyal luck male mate medal
mental menu mile minister mission mode modem monkey moral movie nice noise nope organise organize
pain palace pants paving peace pear periodic physics pink pitch planet plot poet poor praise pray
president previous pride prime prince prize purse race react recommend repeat respect ride rush
sail scam scarf scream senior series shall shame shirt shot shout sick silence skill sleep snake
snow soldier soul specs spell spelling spin stable steak steal steep stink stinks storm story
strange style support swim tail talk tarp task taxi team teen tent text thought thrash tidy tonight
tour tower tradition trunk tune twin universe verb wage wake wedding wife wing wish witch woman
worse wrote yeah yogurt
"""
_TARGET_COUNT = 60
# Two edits between words that begin alike are a typo ("recyleing"), else chance: "bullets" and
# "buckets" have 0.85.
_MIN_SIMILARITY = 0.91
_WORD = re.compile(r"(?<![\w@.#/-])(?:w/o?|b4|[^\W\d_]+(?:'[^\W\d_]+)?)(?![\w@#/-]|\.\w)")
_ENDINGS = ("'s", "s", "es", "ed", "d", "ing", "er", "ers", "ly")


class Speller:
    """Mend misspelt words with those that the documents use.

    Only words unknown to the vocabulary change: into the nearest known word within optimal string
    alignment distance 1 (4 to 6 letters) or 2 (longer), the most frequent of equally near ones.
    The first letter stays, unless two letters changed places. Never changed: numbers and words
    with digits, names of places, words with accents, capitalised words inside a sentence,
    abbreviations in capitals, and words under 4 letters except the short forms of text messages
    ("u", "wat", "b4").
    """

    def __init__(self, vocabulary: Mapping[str, int], known: Iterable[str] = ()) -> None:
        """Build the list of known words.

        Args:
            vocabulary: words of the documents with how often each occurs.
            known: more words that are right as they are, but never what another is read as, such
                as the whole words in the vocabulary of the embedding model.
        """
        self._known = frozenset(word.lower() for word in known) | _word_set(_COMMON_WORDS)
        counts = dict.fromkeys(_TARGET_WORDS.split(), _TARGET_COUNT)
        for word, count in vocabulary.items():
            counts[word.lower()] = max(count, counts.get(word.lower(), 0))
        self._counts = counts
        self._place_words = {word for name in _PLACE_ID for word in name.split()}
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in counts:
            if word.isalpha():
                self._by_length[len(word)].append(word)

    def correct(self, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the text with its misspelt words mended, and what was read as what."""
        pairs: list[tuple[str, str]] = []
        is_shouted = _is_shouted(text)

        def mend(hit: re.Match[str]) -> str:
            written = hit[0]
            before = text[: hit.start()].rstrip()
            is_inside = bool(before) and before[-1] not in ".?!:\"'(-"
            if not is_shouted and (written[1:] != written[1:].lower() or _is_initial(written)):
                return written
            read = self._texting(written.lower(), before)
            if read is None and not (is_inside and written[0].isupper() and not is_shouted):
                read = self._nearest(written.lower())
            if read is None:
                return written
            if written[0].isupper():
                read = read[0].upper() + read[1:]
            pairs.append((written, read))
            return read

        return _WORD.sub(mend, text), tuple(dict.fromkeys(pairs))

    def _texting(self, word: str, before: str) -> str | None:
        """Read a short form of text messages; "60 w" is a power and "in bc" a place."""
        if word in ("w", "n", "r") and before[-1:].isdigit():
            return None
        if word == "bc" and re.search(r"\bin$", before.lower()):
            return None
        return _TEXTING.get(word)

    def _is_known(self, word: str) -> bool:
        if word in self._counts or word in self._known or word in self._place_words:
            return True
        # "upcycle" is right where the documents have "upcycled", but "mattres" is not.
        if word + "d" in self._counts or (word[-1] != "s" and word + "s" in self._counts):
            return True
        for ending in _ENDINGS:
            stem = word.removesuffix(ending)
            # "batterys" is not right.
            is_misspelt = ending == "s" and re.search(r"[^aeiou]y$", stem) is not None
            if stem == word or len(stem) < 3 or is_misspelt:
                continue
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            singular = stem[:-1] + "y" if stem[-1] == "i" else stem
            if any(
                form in self._counts or (len(form) > 3 and form in self._known)
                for form in (stem, stem + "e", doubled, singular)
            ):
                return True
        return False

    def _nearest(self, word: str) -> str | None:
        # A word with an accent is another language's, not a typo.
        if len(word) < 4 or not (word.isascii() and word.isalpha()) or self._is_known(word):
            return None
        allowed = 1 if len(word) <= 6 else 2
        best: tuple[int, bool, int, str] | None = None
        for length in range(max(3, len(word) - allowed), len(word) + allowed + 1):
            for candidate, distance, _ in process.extract(
                word,
                self._by_length.get(length, []),
                scorer=OSA.distance,
                score_cutoff=allowed,
                limit=None,
            ):
                if candidate[0] != word[0] and sorted(candidate[:2]) != sorted(word[:2]):
                    continue
                if distance == 2 and JaroWinkler.similarity(word, candidate) < _MIN_SIMILARITY:
                    continue
                is_rare = candidate not in self._known
                key = (int(distance), is_rare, -self._counts[candidate], candidate)
                best = key if best is None or key < best else best
        return best[3] if best is not None else None


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isupper()


# --- follow-ups -----------------------------------------------------------------------------

OFF_TOPIC = frozenset({"small_talk", "about_app", "out_of_scope"})
MAX_TOPIC_CHARS = 300


@dataclass(frozen=True)
class Turn:
    """One question of the chat that was answered.

    Attributes:
        question: as it was searched for, so standing alone.
        answer_titles: titles of the documents that answered it, best first.
    """

    question: str
    answer_titles: tuple[str, ...]
    intent: str


@dataclass(frozen=True)
class Rewrite:
    """A question that stands alone; `is_follow_up` says whether it had to be changed."""

    text: str
    is_follow_up: bool


# Words that carry a question but are never what it is about.
_FRAME = _word_set("""
a an the this that these those some any my your our their his her its i you he she it we they me
us them who what which when where why how whose whom and or but so if unless because than then
also too as at by for from in into of off on onto out over to up with without about after before
under until while during is are was were am be been being do does did done doing has have had
having can could may might must shall should will would need needs needed want wants let lets
there here not no yes never ever still just only even very really please ok okay well much many
more most less long often kind sort sorts type thing things stuff something anything else instead
again already now today usually actually maybe put puts putting throw throws throwing thrown toss
chuck recycle recycles recycled recycling recyclable compost composted composting compostable
dispose disposed disposal bin binned bins trash garbage rubbish waste dump landfill bury burn
burned burnt flush pour drain wash washed rinse rinsed clean cleaned cleaning empty emptied reuse
reused reusing repair repaired fix fixed fixing donate donated sell sold give given take takes
taken taking bring brought return returned keep kept store stored leave left crush crushed flatten
flattened separate separated sorted sorting remove removed peel cut open opened get gets getting
got rid go goes going gone happen happens happened make makes made making turn use used using work
works mean means become becomes come comes belong belongs know find tell show explain say says
wrap wrapped tape taped handle collect collected accept accepted allowed hold break decompose rot
buy bought found swallowed swallow ate try tried possible ok safe safely way ways best better idea
ideas rule rules place home house curb kerb street container colour color don doesn isn aren won
isn't aren't can't don't doesn't won't what's where's how's who's it's they're that's i'm i've
one ones once whats wheres hows whos thats theyre dont cant isnt doesnt wont
""")
# Words that describe a thing without naming it: "broken ones" are broken things of the same kind.
_STATES = _word_set("""
broken dead old new dirty greasy wet dry full half small big large tiny huge other same different
damaged cracked expired leaking leaky rusty swollen hot cold warm smashed torn used unused worn
sharp heavy light loose mixed whole sealed unopened opened open empty clean rinsed unwashed bad
good dangerous toxic poisonous harmful hazardous flammable expensive free legal illegal fine okay
safe possible true mouldy rotten sticky stained coloured colored clear thick thin soft hard cheap
working similar single bigger smaller older newer inside outside right wrong best first
second last next
""")
_VERBS = _word_set("""
is are was were be do does did has have can could may might must should will would put throw
recycle compost dispose bury burn flush pour wash rinse clean reuse repair fix donate sell give
take bring return keep store leave crush flatten separate remove peel cut get go goes happen
happens make turn use work works mean belong tell show explain
""")
_BIN_NOUNS = _word_set("bin bins rule rules way place container kind type")
# What "they", the people in charge, do: "do they collect glass here".
_AGENT_VERBS = _word_set("collect accept take ban allow recycle burn sort charge make sell compost")
_DETERMINERS = _word_set("a an the my your our some any this that these those his her")
_AROUND_A_PLACE = _word_set("in for at the with instead then rules")
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_OPENING = re.compile(
    r"(?:(?:ok|okay|so|and|but|or|also|hmm|oh)(?=[ ,]|$)[ ,]*)*"
    r"(?:(?:what about|how about|what of|same for|same with|is it the same for)(?= |$) ?)?",
    re.IGNORECASE,
)
# "ok cool" opens nothing, "and cool bags" does.
_ASKS_ON = re.compile(r"\b(?:and|but|or|also|about|of|same)\b", re.IGNORECASE)
_COURTESIES = _word_set("thanks thank thx ty cheers bye goodbye hello hi you")
_BARE = re.compile(
    r"(?:why(?: not| is that| so)?|how(?: so| come| exactly)?|where(?: to| exactly)?|when|"
    r"how (?:long|much|often|many|far)|since when|which (?:ones?|bin|colou?r|container)|"
    r"what (?:bin|colou?r|container)|what for)(?: then)?"
)
_AGAIN = re.compile(r"(?:really|seriously|(?:are )?you sure|sure|is that (?:true|right))(?: then)?")
_MORE = re.compile(
    r"(?:tell me |give me |show me |any )?(?:more|more details|more info|details)"
    r"(?: (?:about|on) (?:it|that|this|them))?(?: please)?|go on|(?:what|anything) else|explain"
)
_CONDITION = re.compile(r"(?:even )?(?:what )?(if|when|unless|after|once|without|with)\b", re.I)
_IMPERSONAL = re.compile(
    r"it(?:'s|s)? (?:is |be |was |also |really |still |even )*(?:[a-z]+|a good idea)"
    r"(?: me| us| for me)? (?:to|that|if|for|when|whether)\b"
)
_WHOLE_SENTENCE = re.compile(r"\b(?:do|doing|done) (?:it|that|this)\b|\bthat mean|\bit matter")
_OWN_CLAUSE = re.compile(r"\b(?:can|could|should|do|must|may) (?:i|you|we)\b")
_STATEMENT = re.compile(r"(?:it|they)(?:'s|'re| is| are|s|re)? [a-z]+", re.IGNORECASE)
# (one thing, several things)
_AGREEMENT = (("is", "are"), ("does", "do"), ("has", "have"), ("was", "were"))
_SUFFIXES = {"'s": " is", "'re": " are", "'ll": " will", "'d": " would", "'ve": " have"}


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    word: str
    is_content: bool

    @property
    def names_something(self) -> bool:
        return self.is_content and self.word not in _STATES


@dataclass(frozen=True)
class _Subject:
    """What a question is about: its span with the determiner, and the words without it."""

    start: int
    end: int
    phrase: str
    noun_phrase: str

    @property
    def is_plural(self) -> bool:
        head = self.noun_phrase.split(" of ")[0]
        return head.endswith("s") and not head.endswith(("ss", "us"))


def rewrite_follow_up(question: str, history: Sequence[Turn]) -> Rewrite:
    """Make a question stand alone that leans on the last one about a thing.

    In this order, the last question being "Can I recycle plastic bottles?":
    1. only a question word: "why?" -> "Can I recycle plastic bottles, and why?"
    2. only a place: "and in Germany?" -> "Can I recycle plastic bottles in Germany?"
    3. only a condition: "and if it's broken?" -> "Can I recycle plastic bottles if it's broken?"
    4. "one" or "ones": "and the glass ones?" -> "Can I recycle the glass bottles?"
    5. a pronoun with nothing before it that it could mean: "are they toxic then?" -> "are plastic
       bottles toxic?"
    6. an opening and a thing: "what about cardboard?" -> "Can I recycle cardboard?"
    Everything else is a question of its own and stays as it is. Small talk and questions about
    the app in between are passed over.
    """
    last = next((turn for turn in reversed(history) if turn.intent not in OFF_TOPIC), None)
    body = question.strip().rstrip("?!. ")
    if last is None or not body:
        return Rewrite(question, False)
    topic, subject = _topic_of(last)
    opening = _OPENING.match(body)
    rest = body[opening.end() :] if opening else body
    is_asking_on = opening is not None and _ASKS_ON.search(opening[0]) is not None
    rewritten = (
        _bare(rest or body, topic, subject)
        or _place_only(rest, topic)
        or _condition(rest, topic)
        or _other_ones(rest, topic, subject)
        or _pronoun(rest, topic, subject)
        or (_other_thing(rest, topic, subject) if is_asking_on else None)
    )
    if rewritten is None:
        return Rewrite(question, False)
    return Rewrite(rewritten.rstrip("?!., ") + "?", True)


def _topic_of(turn: Turn) -> tuple[str, _Subject]:
    """Return the sentence of a question that names its subject, and that subject."""
    sentences = [part.strip() for part in re.split(r"[?!]|\.\s", turn.question) if part.strip()]
    for sentence in reversed(sentences):
        sentence = sentence.rstrip(". ")[:MAX_TOPIC_CHARS]
        subject = _subject_in(sentence)
        if subject is not None:
            return sentence, subject
    title = turn.answer_titles[0] if turn.answer_titles else "that"
    topic = turn.question.strip().rstrip("?!. ")[:MAX_TOPIC_CHARS]
    title = _without_capital(title)
    return topic, _Subject(len(topic), len(topic), title, title)


def _tokens(text: str) -> list[_Token]:
    spans = _place_spans(text)
    return [
        _Token(
            hit.start(),
            hit.end(),
            hit[0].lower(),
            (hit[0].lower() not in _FRAME or hit[0].lower() in _STATES)
            and not any(start < hit.end() and hit.start() < end for start, end, _ in spans),
        )
        for hit in _TOKEN.finditer(text)
    ]


def _names_something(text: str) -> bool:
    return any(token.names_something for token in _tokens(text))


def _subject_in(text: str) -> _Subject | None:
    """Return the longest run of words that name a thing, the first of equally long ones."""
    tokens = _tokens(text)
    runs: list[tuple[int, int]] = []
    index = 0
    while index < len(tokens):
        end = index
        while end < len(tokens) and _continues(text, tokens, index, end):
            end += 1
        if any(token.names_something for token in tokens[index:end]):
            runs.append((index, end))
        index = max(end, index + 1)
    if not runs:
        return None
    first, end = max(runs, key=lambda run: run[1] - run[0])
    stop = tokens[end - 1].end
    noun_phrase = text[tokens[first].start : stop]
    has_determiner = first > 0 and tokens[first - 1].word in _DETERMINERS
    start = tokens[first - 1].start if has_determiner else tokens[first].start
    phrase = text[start:stop]
    if start == 0:
        phrase = _without_capital(phrase)
    return _Subject(start, stop, phrase, noun_phrase)


def _without_capital(phrase: str) -> str:
    """Take off the capital of a sentence's first word; "PET bottles" keeps it."""
    is_word = not phrase[1:2].isupper()
    return phrase[:1].lower() + phrase[1:] if is_word else phrase


def _continues(text: str, tokens: Sequence[_Token], first: int, index: int) -> bool:
    """Tell whether a token belongs to the run of words that began at `first`."""
    if index > first and not text[tokens[index - 1].end : tokens[index].start].isspace():
        return False
    # "a box of matches" is one thing.
    is_joined = index > first and tokens[index].word == "of" and index + 1 < len(tokens)
    return tokens[index].is_content or (is_joined and tokens[index + 1].is_content)


def _bare(rest: str, topic: str, subject: _Subject) -> str | None:
    words = " ".join(rest.lower().split())
    if _BARE.fullmatch(words):
        return f"{topic}, and {words.removesuffix(' then')}"
    if _AGAIN.fullmatch(words):
        return topic
    return f"what should I know about {subject.phrase}" if _MORE.fullmatch(words) else None


def _place_only(rest: str, topic: str) -> str | None:
    spans = _place_spans(rest)
    if not spans or _names_something(rest):
        return None
    tokens = [t for t in _tokens(rest) if all(t.end <= s or t.start >= e for s, e, _ in spans)]
    words = {token.word for token in tokens}
    if words - _AROUND_A_PLACE:
        return None
    for start, end, _ in reversed(_place_spans(topic)):
        topic = (
            re.sub(r"\b(?:in|for|at|from)(?: the)? *$", "", topic[:start]).rstrip() + topic[end:]
        )
    if "rules" in words:
        return f"{topic}, {rest}"
    name = rest[spans[0][0] : spans[-1][1]]
    before = rest[: spans[0][0]].lower().split()
    return f"{topic.rstrip()} in {'the ' if before[-1:] == ['the'] else ''}{name}"


def _condition(rest: str, topic: str) -> str | None:
    """Append a condition that has no thing of its own, or only after a pronoun."""
    if _STATEMENT.fullmatch(rest):  # "but it's broken"
        return f"{topic} if {rest}"
    hit = _CONDITION.match(rest)
    if hit is None:
        return None
    condition = rest[hit.start(1) :]
    tokens = _tokens(condition)
    is_question = hit[1].lower() == "when" and len(tokens) > 1 and tokens[1].word in _VERBS
    if is_question or _OWN_CLAUSE.search(condition.lower()):
        return None
    first = next((i for i, token in enumerate(tokens) if token.names_something), len(tokens))
    is_leaning = any(t.word.split("'")[0] in {"it", "its", "they"} for t in tokens[:first])
    # "with the lid on" names a thing, but not the one that is asked about.
    is_addition = hit[1].lower() in ("with", "without") and not _has_verb(tokens)
    if not (is_leaning or is_addition or first == len(tokens)) or "what" in condition.lower():
        return None
    return f"{topic} {condition[0].lower()}{condition[1:]}"


def _other_ones(rest: str, topic: str, subject: _Subject) -> str | None:
    tokens = _tokens(rest)
    for index, token in enumerate(tokens):
        first = index
        while first > 0 and tokens[first - 1].is_content:
            first -= 1
        is_noun = token.word == "ones" or (token.word == "one" and first < index)
        follows_thing = index + 1 < len(tokens) and tokens[index + 1].is_content
        if not is_noun or (token.word == "one" and follows_thing):
            continue
        if any(earlier.names_something for earlier in tokens[:first]):
            return None
        kind = [earlier.word for earlier in tokens[first:index]]
        names_kind = any(word not in _STATES for word in kind)
        noun = subject.noun_phrase.split(" of ")[0].split()[-1] if names_kind else None
        phrase = " ".join([*kind, noun or subject.noun_phrase])
        changed = rest[: tokens[first].start] + phrase + rest[token.end :]
        if _has_verb(tokens):
            return changed
        return topic[: subject.start] + changed + topic[subject.end :]
    return None


def _pronoun(rest: str, topic: str, subject: _Subject) -> str | None:
    """Put the subject in the place of the first pronoun that has nothing before it to mean."""
    tokens = _tokens(rest)
    for index, token in enumerate(tokens):
        if token.names_something:
            return None
        after = tokens[index + 1 :]
        stem, apostrophe, suffix = token.word.partition("'")
        if stem in ("its", "their") and after and after[0].word not in _STATES:
            owned = rest[after[0].start : after[0].end]
            return f"{rest[: token.start]}the {owned} of {subject.phrase}{rest[after[0].end :]}"
        if not _refers_back(rest, tokens, index):
            continue
        if _WHOLE_SENTENCE.search(rest.lower()):
            return f"{topic}? {rest}"
        before = rest[: token.start]
        ending = " is" if stem == "its" else _SUFFIXES.get(apostrophe + suffix, "")
        for one, several in _AGREEMENT:
            right, wrong = (several, one) if subject.is_plural else (one, several)
            before = re.sub(rf"\b{wrong} $", f"{right} ", before, flags=re.IGNORECASE)
            ending = f" {right}" if ending == f" {wrong}" else ending
        return re.sub(r"[ ,]+then$", "", before + subject.phrase + ending + rest[token.end :])
    return None


def _refers_back(rest: str, tokens: Sequence[_Token], index: int) -> bool:
    """Tell whether a token is a pronoun for the thing that was asked about before."""
    stem = tokens[index].word.split("'")[0]
    after = tokens[index + 1 :]
    if stem == "it" and _IMPERSONAL.match(rest[tokens[index].start :].lower()):
        # "is it safe to burn wood", "is it safe to burn them", but not "is it safe to burn"
        return not any(t.names_something or t.word in ("it", "them", "one") for t in after)
    if stem == "they" and after and after[0].word in _AGENT_VERBS:
        return not any(t.word not in _FRAME or t.word in ("it", "them") for t in after[1:])
    if stem in ("it", "its", "they", "them"):
        return True
    if stem == "one":
        return not after and index > 0 and tokens[index - 1].word not in ("no", "which", "any")
    if stem not in ("this", "that", "these", "those") or index == 0:
        return False
    # "this jar", "that bin": the thing is named right here.
    following = next((t for t in after if t.word not in _STATES), None)
    return following is None or not (following.is_content or following.word in _BIN_NOUNS)


def _other_thing(rest: str, topic: str, subject: _Subject) -> str | None:
    """Ask the last question again about another thing, or in another way."""
    tokens = _tokens(rest)
    if not rest or _has_verb(tokens) or any(token.word in _COURTESIES for token in tokens):
        return None
    if not any(token.names_something for token in tokens):
        return f"{topic}, {rest}"
    thing = re.sub(r"^(?:for|with) |[ ,]+(?:then|instead|though)$", "", rest)
    return topic[: subject.start] + thing + topic[subject.end :]


def _has_verb(tokens: Sequence[_Token]) -> bool:
    return any(token.word in _VERBS for token in tokens)
