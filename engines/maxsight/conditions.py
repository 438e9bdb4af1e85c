"""Look through other eyes: a picture as it may look with a condition, and what may help.

Each condition is an operation on one picture with a severity from 0 to 1; 0 leaves it as it is.
The picture is taken for the view of an eye that looks at its middle, 62° wide as the cameras of
`geometry` see. One picture tells nothing of depth, so where depth counts the condition says what
is assumed.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from engines.maxsight.enhancement import ENHANCEMENTS
from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.simulation import SIMULATIONS
from engines.runtime.errors import InputError

# Stands with every source. Of Strasburger's, Crabb's, Machado's and Fidaner's papers the text was
# read; of the others the abstract, the document itself, or what a later paper says of it.
HOW_CHECKED = (
    "Few of these papers were read in full: most are known by their abstracts or by what others "
    "write of them. Where “not checked” stands, the source is named from memory."
)
# Is to stand wherever a simulation is shown.
NOT_THE_EXPERIENCE = (
    "A simulation is not the experience: people with the same condition see differently, and the "
    "brain fills in much of what the eye misses."
)


@dataclass(frozen=True)
class Condition:
    """One condition that changes what a person sees.

    Attributes:
        id: name for the code.
        name: for people.
        what: what it does to sight, one plain sentence.
        assumes: what is taken for granted of the picture, one sentence, or nothing.
        source: where the parameters come from, and which of them are our choice.
        help: what the enhancement does, one plain sentence.
        help_source: where the enhancement comes from.
    """

    id: str
    name: str
    what: str
    assumes: str
    source: str
    help: str
    help_source: str


_BLUR_SOURCE = (
    "Blur disc = pupil (4 mm) × dioptres (Strasburger, Bach and Heinrich, i-Perception 9(2), "
    "2018), drawn as a Gaussian of the same spread."
)
_ACUITY_SOURCE = (
    "Acuity falls in line with blur (Smith, Optom Vis Sci 68, 1991); how steeply is our choice."
)
_MACHADO = "Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, in linear RGB."
_DALTONISATION = "Fidaner, Lin and Ozguven, Analysis of color blindness, Stanford, 2005."
_CLAHE = "CLAHE: Zuiderveld, Graphics Gems IV, 1994."
_UNSHARP = "Unsharp masking; the amounts are our choice."
_OUTLINES = (
    "Outlines laid over the picture: Peli, Luo, Bowers and Rensing, Int. J. Artificial "
    "Intelligence Tools 18(3), 2009, simplified."
)

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "myopia",
        "Short sight",
        "Things far away are blurred.",
        "Everything in the picture is taken to be far away, 6 m or more.",
        _BLUR_SOURCE + " Severity 1 is 6 dioptres, where high myopia begins (Flitcroft et al., "
        "IOVS 60, 2019).",
        "Stronger contrast and sharper detail.",
        f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "hyperopia",
        "Long sight",
        "Things near by are blurred first, and without glasses distant ones can be too.",
        "Everything in the picture is taken to be at 40 cm, and the eye can focus just that much "
        "and not more.",
        _BLUR_SOURCE + " Severity 1 is 5 dioptres, above which hyperopia counts as high (American "
        "Optometric Association, CPG16; not checked). That the eye has just the 2.5 dioptres for "
        "40 cm left is our choice.",
        "A larger picture with stronger contrast and sharper detail.",
        "Magnification × 1.5 is our choice. " + f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "astigmatism",
        "Astigmatism",
        "Lines in one direction are blurred and lines across it are sharp.",
        "Everything in the picture is taken to be at one distance, at which upright lines are "
        "sharp.",
        _BLUR_SOURCE + " Only the upright meridian is out of focus, as in simple astigmatism with "
        "the rule. Severity 1, 4 dioptres, is our choice.",
        "Stronger contrast, and sharper detail in the blurred direction.",
        f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "presbyopia",
        "Age-related long sight",
        "The eye can no longer focus on things near by, such as a page.",
        "Everything in the picture is taken to be at 40 cm, such as a page that is read; things "
        "far away would stay sharp.",
        _BLUR_SOURCE + " Reading at 40 cm asks for 1 / 0.4 = 2.5 dioptres; at severity 1 the lens "
        "gives none of them, as usual from about 55 years on (Duane, Am. J. Ophthalmol. 5, 1922; "
        "not checked).",
        "A magnifier and sharper detail.",
        "Magnification × 2 is our choice. " + _UNSHARP,
    ),
    Condition(
        "cataract",
        "Cataract",
        "The clouded lens blurs, scatters light and takes contrast and colour away.",
        "",
        "Contrast × 0.8 from the project's reference design. " + _ACUITY_SOURCE + " Light scatters "
        "as a halo and a wide haze, for the CIE's 1 / angle² (Vos, Clin. Exp. Optom. 86, 2003); "
        "blue is held back most, as by ageing lenses (Mellerio, Vision Research 27, 1987). Acuity "
        "20/120, half of "
        "the light scattered and the tint are our choice.",
        "Less glare, stronger contrast and sharper detail.",
        f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "glaucoma",
        "Glaucoma",
        "Sight is lost from the rim of the field inwards.",
        "The eye looks at the middle of the picture.",
        "At severity 1 a field 20° across is left, blindness in law (US Social Security, 2.00A2). "
        "The rim is blurred too: people name blur and missing parts, not a black tunnel (Crabb et "
        "al., Ophthalmology 120, 2013). That the loss is round, and by how much it darkens, is "
        "our choice.",
        "Stronger contrast, and the outlines of the whole picture, small, in the middle.",
        "Vision multiplexing: Peli, Optom Vis Sci 78, 2001. " + _CLAHE,
    ),
    Condition(
        "macular_degeneration",
        "Macular degeneration",
        "The middle of what is looked at is dark, blurred and bent; the rim stays.",
        "The eye looks at the middle of the picture.",
        "The middle darkened by up to 70 %, from the project's reference design. "
        + _ACUITY_SOURCE
        + " Bent lines are what the Amsler grid tests for (Amsler, Br. J. Ophthalmol. 37, 1953). "
        "A radius of 12°, 20/400 in it and bending by about 0.7° are our choice.",
        "A magnifier, stronger contrast and outlines.",
        "Magnification × 2 is our choice. " + f"{_CLAHE} {_OUTLINES}",
    ),
    Condition(
        "diabetic_retinopathy",
        "Diabetic retinopathy",
        "Bleeding in the eye leaves dark spots and floating threads, and detail fades.",
        "",
        "5 to 20 dark spots, from the project's reference design. " + _ACUITY_SOURCE + " Sizes and "
        "places of the spots, the threads, acuity 20/100 and contrast × 0.8 are our choice.",
        "A brighter picture with stronger contrast and sharper detail.",
        f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "retinitis_pigmentosa",
        "Retinitis pigmentosa",
        "Only a narrow tunnel is left, and dim places turn black.",
        "The eye looks at the middle of the picture.",
        "Night vision is lost first, then vision to the sides (Hartong, Berson and Dryja, "
        "Lancet 368, 2006). A field 16° across at severity 1, and how much faint light is lost, "
        "are our choice.",
        "A brighter picture with outlines.",
        "Brighter × 1.5 and edges from the project's reference design. " + _OUTLINES,
    ),
    Condition(
        "protan",
        "Colour blindness, red",
        "Red looks dark, and red and green are hard to tell apart.",
        "",
        _MACHADO,
        "Differences between red and green are moved to colours that are seen.",
        _DALTONISATION,
    ),
    Condition(
        "deutan",
        "Colour blindness, green",
        "Red and green are hard to tell apart.",
        "",
        _MACHADO,
        "Differences between red and green are moved to colours that are seen.",
        _DALTONISATION,
    ),
    Condition(
        "tritan",
        "Colour blindness, blue",
        "Blue and green, and yellow and pink, are hard to tell apart.",
        "",
        _MACHADO + " The model is made for red and green; for blue it is an approximation.",
        "Differences in blue are moved to colours that are seen.",
        _DALTONISATION + " Its matrix for blue is our choice.",
    ),
    Condition(
        "cortical_visual_impairment",
        "Cortical visual impairment",
        "The eyes work, but the brain takes in little at once: clutter merges and contrast fades.",
        "The eye looks at the middle of the picture.",
        "Things merge that are close together (crowding: Bouma, Nature 226, 1970, as told by "
        "Pelli and Tillman, Nat. Neurosci. 11, 2008); sight is often worse below (Dutton, Eye 17, "
        "2003; not checked). " + _ACUITY_SOURCE + " Acuity 20/200, contrast × 0.5 "
        "and all other amounts are our choice; it differs more between people than any other "
        "here.",
        "Less clutter, stronger colours and contrast.",
        "Simple, strongly coloured pictures: Roman-Lantzy, Cortical Visual Impairment, AFB Press, "
        "2007; the amounts are our choice. " + f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "amblyopia",
        "Lazy eye",
        "The weaker eye sees less detail and contrast, and lines look bent.",
        "The other eye is covered.",
        "Loss of contrast: Hess and Howell, Vision Research 17, 1977; not checked. Bent lines: "
        "Barrett et al., IOVS 44, 2003. " + _ACUITY_SOURCE + " Acuity 20/200, contrast × 0.6 and "
        "bending by about 0.3° are our choice.",
        "A larger picture with stronger contrast and sharper detail.",
        "Magnification × 1.5 is our choice. " + f"{_CLAHE} {_UNSHARP}",
    ),
    Condition(
        "strabismus",
        "Squint with double vision",
        "The eyes point apart, so everything is seen twice.",
        "Both eyes are taken to see the same picture, equally strong.",
        "The second picture is moved by the squint's angle: 1 prism dioptre is 1 cm at 1 m. "
        "Severity 1, 15 prism dioptres, is our choice.",
        "Stronger contrast and outlines; only a prism, a patch or treatment makes the two one.",
        f"{_CLAHE} {_OUTLINES}",
    ),
)

_BY_ID = {one.id: one for one in CONDITIONS}


def condition_of(condition_id: str) -> Condition:
    """Return a condition by its id.

    Raises:
        InputError: if there is no such condition.
    """
    if isinstance(condition_id, str) and condition_id in _BY_ID:
        return _BY_ID[condition_id]
    raise InputError(
        f"There is no condition called {condition_id!r}.", f"Choose one of {', '.join(_BY_ID)}."
    )


def simulate(picture: Pixels, condition_id: str, severity: float) -> Pixels:
    """Show a picture as it may look with a condition.

    Args:
        picture: as `frames.to_rgb` takes it. It is not changed.
        condition_id: of one of `CONDITIONS`.
        severity: 0 gives the picture as `to_rgb` does, pixel for pixel; 1 is the strongest.

    Returns:
        (H, W, 3) uint8 RGB, the size of `to_rgb`'s picture. The same call gives the same picture.

    Raises:
        InputError: if the picture, the condition or the severity is none.
    """
    condition, severity, pixels = _checked(picture, condition_id, severity)
    return pixels if severity == 0 else SIMULATIONS[condition.id](pixels, severity)


def enhance(picture: Pixels, condition_id: str, severity: float) -> Pixels:
    """Change a picture so that a person with a condition may see more of it.

    A magnifier moves things within the picture: draw boxes on it before, not after.

    Args and errors as in `simulate`.
    """
    condition, severity, pixels = _checked(picture, condition_id, severity)
    return pixels if severity == 0 else ENHANCEMENTS[condition.id](pixels, severity)


def _checked(picture: Pixels, condition_id: str, severity: Any) -> tuple[Condition, float, Pixels]:
    condition = condition_of(condition_id)
    is_number = isinstance(severity, numbers.Real) and not isinstance(severity, bool)
    if not is_number or not math.isfinite(severity) or not 0 <= severity <= 1:
        raise InputError(
            f"The severity is {severity!r}.", "Give a number from 0, not at all, to 1, strongest."
        )
    return condition, float(severity), to_rgb(picture)
