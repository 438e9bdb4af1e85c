"""Mend misspelt words with those that the documents use. Rules and word lists, no model."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from engines.rag.places import PLACE_ID
from engines.rag.words import is_shouted, word_set

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
    "wher": "where", "wite": "white", "wach": "watch", "shud": "should",
    "cud": "could", "wud": "would",
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
apple architecture armchair attic aunt award bandage bandages bandaid baskets bathtub battle
beanbag beard became bedding beep beeping bell bench biscuit bite blanket blind blouse boil bolt
bonnet boost boring born boss boxes brain brave breath brick brittle brolly bucket buckle bulge
bumper bungalow burger calm camp candy cannon cash casserole cassette castle ceiling cellar cereal
chalk charcoal chat chew chimney chord chuck cider clamp clippings coach coast cobweb color comb
compete compose computing concert confirm confused conker connect conversation convert cooler
cordless cough course court couscous cradle crate crayon create crisis crowd cupboard cure curtain
cute cutlery dawn dear debt decorator dentist detection detox dinghy director discuss doormat dose
drank drawer dresser drill drone drunk duck dumb dumbbell duvet earbuds earring east exit expert
explain fabric fair faucet fear feet fender fiddle flag flannel flask flatmate fleece flour flush
forgot freedom fridge fuse fuzzy gain garage gate gave gazebo generate ginger gloss glove glow golf
gran grand grandad granddad grandma grandpa granny grape grave gravel grease greasy grill guess
gutter hairbrush hairspray hall hammer hamper hamster handbag hanger happened hate headset hedge
helmet here hero hinge hoarder horse hose host hunt important improve incense inflation inject
injected injects injury insulin ironing jewelry jogger juice kettle keyring kids king knew knife
knit knitted lace lack ladder lady lager landlord lane latch late launch lawn lawyer leaflet lego
lemonade licked link lipstick loan location loft lord loud love lover loyal luck lunchbox makeup
male manure marker mascara mash mate mayo medal mental menu microwave mildew mile mince minister
mission mixer mode modem monkey moral mousse movie mower mucky muddy mush mushy nan nana nappy
needlework nice noise nope nugget oats ointment onesie organise organize paddling padlock pain
palace pan pants parcel pasta patio paving peace pear peel pellets pepper perfume periodic physics
pickle pillow pink pint pints pipe pitch placemat planet plank plaster plimsolls plot plug plumber
poet polish poor porridge pouch powder praise pray president previous pride prime prince prize
prosecco puddle pump puppy purse quilt rabbit race rafters razor react recliner recommend repeat
respect rice ride roast roof rope rug rush rusty sail salad salt sander sandpaper sauce saucer scam
scarf scissors scraper scream screw seatbelt senior series settee shall shame shampoo shears sheet
shirt shot shout shredder sick silence sink skill skirt skirting skis slate sleep sleeve slimy
slippers snack snake snow soap soda soggy soldier soul spade spanner spatula specs spell spelling
spin sponge spoon spray squash squidgy stable steak steal steep stew sticker stink stinks stool
storm story stove strainer strange strap style suitcase support sweater swim swing tail talk tarmac
tarp tarpaulin task tatty taxi team teapot teddy teen tent text thermos thought thrash thread tidy
tights tile timer tinsel toffee toilet tongs tonight torch tour tower toy tradition tray treadmill
trolley trowel trunk tub tumbler tune turf turps tweezers twin umbrella universe utensil vac valve
varnish vase velvet verb vest vinegar vodka wage wake wallet wallpaper wardrobe webcam wedding
whisk whisky whistle wick wife wig winch wine wing wipe wish witch wok woman wool woolen woollen
woolly wormeries wormery worse wrench wrote yarn yeah yoghurt yogurt zip zipper
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
        self._known = frozenset(word.lower() for word in known) | word_set(_COMMON_WORDS)
        counts = dict.fromkeys(_TARGET_WORDS.split(), _TARGET_COUNT)
        for word, count in vocabulary.items():
            counts[word.lower()] = max(count, counts.get(word.lower(), 0))
        self._counts = counts
        self._place_words = {word for name in PLACE_ID for word in name.split()}
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in counts:
            if word.isalpha():
                self._by_length[len(word)].append(word)

    def correct(self, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the text with its misspelt words mended, and what was read as what."""
        pairs: list[tuple[str, str]] = []
        has_no_small_letters = is_shouted(text)

        def mend(hit: re.Match[str]) -> str:
            written = hit[0]
            before = text[: hit.start()].rstrip()
            is_inside = bool(before) and before[-1] not in ".?!:\"'(-"
            if not has_no_small_letters and (
                written[1:] != written[1:].lower() or _is_initial(written)
            ):
                return written
            read = self._texting(written.lower(), before)
            if read is None and not (
                is_inside and written[0].isupper() and not has_no_small_letters
            ):
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
