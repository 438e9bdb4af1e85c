"""Find the place that a text is about. Word lists, no model."""

from __future__ import annotations

import re

from engines.rag.words import is_shouted, plain

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
    "queensland|tasmania|hobart|osaka|kyoto|yokohama|nagoya|sapporo|fukuoka|iceland|reykjavik|"
    "kenya|nairobi|dubai|abu dhabi|qatar|doha|saudi arabia|riyadh|nigeria|lagos|ghana|accra|egypt|"
    "cairo|morocco|casablanca|tunisia|algeria|ethiopia|tanzania|uganda|rwanda|kigali|cape town|"
    "johannesburg|istanbul|ankara|serbia|belgrade|croatia|zagreb|bulgaria|bucharest|slovakia|"
    "bratislava|slovenia|ljubljana|estonia|tallinn|latvia|riga|lithuania|vilnius|luxembourg|malta|"
    "cyprus|israel|tel aviv|jerusalem|iran|tehran|iraq|pakistan|karachi|lahore|bangladesh|dhaka|"
    "sri lanka|nepal|kathmandu|bangkok|hanoi|cambodia|jakarta|bali|kuala lumpur|beijing|shanghai|"
    "shenzhen|peru|peruvian|colombia|bogota|ecuador|uruguay|montevideo|venezuela|cuba|havana|"
    "jamaica|costa rica|panama|guatemala|sao paulo|rio de janeiro|buenos aires|saskatchewan|"
    "newfoundland|christchurch|antwerp|ghent|gothenburg|malmo|aarhus|salzburg|krakow|lisboa|turin|"
    "venice|sicily|bangalore|kolkata|chennai|inverness",
}
PLACE_ID = {name: place for place, names in _PLACES.items() for name in names.split("|")}
_PLACE_NAMES = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, PLACE_ID), key=len, reverse=True)) + r")(?:'?s)?\b"
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
    found = {place for _, _, place in place_spans(text)}
    if found == {"us_california", "us_single_stream"}:
        return "us_california"
    return found.pop() or None if len(found) == 1 else None


def places_elsewhere(text: str) -> frozenset[str]:
    """Return the places that a text names and that have no rules here, in small letters."""
    plain_text = plain(text)
    return frozenset(plain_text[a:b].lower() for a, b, place in place_spans(text) if not place)


def place_spans(text: str) -> list[tuple[int, int, str]]:
    """Return where names of places stand in a text: (start, end, id); id "" without rules."""
    if is_shouted(text):
        text = text.lower()
    masked = _NO_PLACE.sub(lambda hit: "_" * len(hit[0]), plain(text))
    spans = [(*hit.span(), PLACE_ID[_place_key(hit[0])]) for hit in _PLACE_NAMES.finditer(masked)]
    for pattern, place in _SHORT_FORMS:
        spans.extend((*hit.span(hit.lastindex or 0), place) for hit in pattern.finditer(text))
    return sorted(spans)


def _place_key(name: str) -> str:
    return name if name in PLACE_ID else re.sub(r"'?s$", "", name)
