"""The words of the subject: bins, places, things, and which words mean the same or the opposite."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Where things go. In this order: longer names first, so that a "recycling centre" is no recycling
# bin. Each name found is replaced by the bin's own word.
BINS: tuple[tuple[str, str], ...] = (
    (
        "drop_off",
        r"(?:(?:recycling|civic amenity|amenity|waste|reuse|disposal|collection|drop-?off|return)"
        r" (?:cent(?:re|er)|point|site|yard|depot|station|facility|facilities|box(?:es)?)s?)"
        r"|(?:battery|electronics) box(?:es)?|drop-?offs?|take-?backs?|(?:to|at) the tip"
        r"|d[eé]ch[eè]terie|wertstoffhof|sammelbox|milieustraat|punto limpio",
    ),
    ("bank", r"(?:bottle|glass|clothes|clothing|textile|paper) banks?|(?:alt)?glascontainer"),
    ("hazardous", r"(?:household )?hazardous waste|hhw|(?:special|chemical|problem) waste"),
    ("bulky", r"(?:bulky|oversi[sz]ed) (?:waste|items?|collection)|sperrm[uü]ll"),
    ("electronic", r"e-?waste|electr(?:onic|ical) waste|weee"),
    ("unburnable", r"(?:non-?burnable|non-?combustible|unburnable) (?:waste|rubbish|trash)"),
    ("burnable", r"(?:burnable|combustible) (?:waste|rubbish|trash|garbage)"),
    (
        "compost",
        r"compost(?:er|ing|able|ed)?s?(?: (?:bin|heap|pile)s?)?"
        r"|(?:food|garden|yard|green|organics?|bio) ?(?:waste|scraps)(?: (?:bin|cart|caddy)s?)?"
        r"|organics?(?: (?:bin|cart)s?)?|(?:brown|green|green-lid) (?:bin|cart|lid)s?"
        r"|food caddy|caddy|biotonne|worm (?:bin|farm)s?|fogo|gft",
    ),
    (
        "general",
        r"(?:general|residual|mixed|household|other) (?:waste|rubbish)(?: (?:bin|cart)s?)?"
        r"|(?:rubbish|trash|garbage|refuse|landfill)(?: (?:bin|can|cart)s?)?"
        r"|(?:black|grey|gray|red|red-lid) (?:bin|cart)s?|restm[uü]ll(?:tonne)?|dustbin",
    ),
    ("paper_bin", r"papiertonne|paper (?:bin|cart)s?"),
    (
        "recycling",
        r"recycl(?:ing|ables?|ed?|es)(?: (?:bin|cart|box|container|collection)s?)?"
        r"|(?:blue|yellow|yellow-lid) (?:bin|cart|box|bag)s?|gelbe[nr]? (?:tonne|sack)|bac jaune"
        r"|wertstofftonne|pmd",
    ),
    ("drain", r"(?:down )?(?:the )?(?:drains?|sinks?|toilets?|sewers?)"),
    ("bin", r"(?:(?:home|house|household|kerbside|curbside|wheelie|wheeled) )?(?:bins?|carts?)"),
)

PLACES = {
    "uk": "uk united_kingdom great_britain britain british",
    "england": "england english",
    "scotland": "scotland scottish",
    "wales": "wales welsh",
    "northern ireland": "northern_ireland",
    "ireland": "ireland irish",
    "germany": "germany german",
    "france": "france french",
    "spain": "spain spanish",
    "netherlands": "netherlands dutch",
    "italy": "italy italian",
    "austria": "austria austrian",
    "switzerland": "switzerland swiss",
    "belgium": "belgium belgian",
    "denmark": "denmark danish",
    "sweden": "sweden swedish",
    "norway": "norway norwegian",
    "finland": "finland finnish",
    "poland": "poland polish",
    "portugal": "portugal portuguese",
    "japan": "japan japanese",
    "tokyo": "tokyo",
    "china": "china chinese",
    "india": "india indian",
    "canada": "canada canadian",
    "british columbia": "british_columbia",
    "vancouver": "vancouver metro_vancouver",
    "ontario": "ontario",
    "usa": "US USA U.S. united_states america american",
    "california": "california californian",
    "new york": "new_york",
    "australia": "australia australian",
    "new south wales": "new_south_wales NSW",
    "sydney": "sydney",
    "new zealand": "new_zealand",
    "eu": "EU european_union",
    "europe": "europe european",
    "north america": "north_america",
    "asia": "asia asian",
    "africa": "africa african",
    "london": "london",
    "paris": "paris",
    "berlin": "berlin",
    "amsterdam": "amsterdam",
    "madrid": "madrid",
}

# Words with one meaning here; all count as the first.
SYNONYMS = {
    other: first
    for group in (
        "aluminium aluminum",
        "can tin",
        "vape ecigarette ecig vaping",
        "television tv",
        "fridge refrigerator",
        "tyre tire",
        "nappy diaper",
        "phone mobile smartphone cellphone",
        "medicine medication drug pharmaceutical",
        "clothes clothing garment",
        "shop store retailer",
        "council municipality",
        "child kid",
        "fire ignite alight flame",
        "rinse wash",
        "swollen bulging bloated",
        "poison toxic poisonous",
        "danger dangerous unsafe risk risky hazard",
        "lid cap",
        "doctor physician",
        "ban prohibit forbid illegal outlaw",
        "donate donation charity",
        "outdoors outside",
        "fee charge",
        "cell battery",
    )
    for first, *others in [group.split()]
    for other in others
}

# Materials, things and substances: what a sentence is about must be what its passage is about.
THINGS = _words(
    """acid aerosol alkaline aluminium ammonia ammunition appliance asbestos bag battery bleach
    blister book bottle box brick bubble bulb butane button camera can capsule car carton cardboard
    cartridge ceramic charger cigarette clothes coal coat coffee computer cork cosmetic cup
    curtain detector detergent diaper dish drink egg envelope extinguisher fabric film filter
    firework fluorescent foam foil food freezer fridge furniture gas glass glue gun hanger
    headphone
    jar lamp laptop laser leather led lid lighter lithium mattress magazine medicine mercury metal
    microwave milk mirror mug nappy needle newspaper nicotine oil oven paint pallet pan paper
    pesticide petrol phone pizza plastic plate poison polystyrene porcelain pot printer propane
    pump radiator radio receipt refrigerant rubber rug salt sand shoe shredder silicone smoke
    soap solvent steel straw styrofoam syringe tablet television textile thermometer tile tissue
    toaster toner tool toothbrush toy tray tube tyre vape varnish vinegar washer water wax window
    wine wire wood wool wrapper"""
)

OPPOSITES = (
    "clean dirty",
    "wet dry",
    "empty full",
    "hot cold",
    "warm cool",
    "whole broken",
    "loose tight",
    "safe danger",
    "open close",
    "before after",
    "inside outside",
    "indoors outdoors",
    "more less",
    "increase decrease",
    "increase reduce",
    "rise fall",
    "high low",
    "best worst",
    "better worse",
    "large small",
    "long short",
    "heavy light",
    "free paid",
    "remove leave",
    "remove attach",
    "detach attach",
    "allow ban",
    "accept refuse",
    "accept reject",
    "always never",
    "rechargeable disposable",
    "alkaline lithium",
    "cheap expensive",
    "faster slower",
    "uncooked cooked",
    "upper lower",
    "first last",
)

STOP_WORDS = _words(
    """a about above according again all also although always am an and another any anyone anything
    are as at away back be because been before behind being below between both but by came come
    did do does done doing down during each either else even ever every everyone everything for
    from further get gets getting given gives go goes going gone got had has have having he her
    here hers him his how however i if in instead into is it its itself just know let lets like made
    make makes making many may maybe me might mine more most much must my myself need needs often on
    once one ones only onto or other others our ours out over own per please put puts putting quite
    rather really same shall she should simply since so some somebody someone something soon still
    such than that the their theirs them themselves then there therefore these they this those
    though through thus to together too toward towards under until unless up upon us use used
    useful user uses using usually very via want wants was way ways we well were what whatever when
    whenever where wherever whether which while who whom whose why will with within would yes yet
    you your yours yourself can could cannot not never no nor none neither without except
    a.m p.m e.g i.e etc
    belong belongs bring brings brought carefully case contain contains correctly depend depends
    different discard discarded dispose disposed disposal disposing drop dropped ensure ensuring
    essential example find follow following follows hand handed help helps helpful holds important
    include included includes including item items kind kinds left means method note part
    particular passage passages people person piece pieces place placed placing properly proper
    provide provides recommend recommended remember return returned returning safely said say says
    send sent sort sorts specific stay sure take takes taken taking tells thing things throw
    throwing thrown toss type types waste document documents answer question next first second
    step steps"""
)

# What a person is told to do; such a word begins an order.
ORDERS = _words(
    "put take bring keep hand drop place use rinse wash wipe scrape empty remove leave store ask "
    "check call tape cover recycle reuse return throw pour give sell donate wrap contact dispose "
    "wear seal let pull cut make try see book look choose offer flatten fold squash crush open "
    "close clean dry drain peel press collect add mix burn bury flush switch unplug erase replace "
    "repair separate sort tie pack label lift carry move stop start turn set press repeat cool"
)
