"""How features and what is said of them are worded: noun phrases for sentences, and which statements say
what something does. No language model: lists of words and the places they stand at.
"""

from __future__ import annotations

import re

from manticscore.lib.ideas import ENDINGS
from manticscore.lib.words import is_content, word_set, words

# What people say a product does, and the noun for it; "-" where the object alone names the feature.
VERBAL_NOUNS = dict(
    pair.split(":")
    for pair in word_set(
        """
    add:adding adjust:adjustment analyse:analysis analyze:analysis annotate:annotation archive:archiving
    assign:assignment automate:automation back:backup block:blocking book:booking browse:browsing
    calculate:calculation capture:capture catalog:cataloguing categorise:categorisation
    categorize:categorization classify:classification clip:clipping
    collect:collection compare:comparison convert:conversion count:counting create:creation
    customise:customisation customize:customization delete:deletion detect:detection download:download
    edit:editing encrypt:encryption exchange:exchange export:export extract:extraction fetch:fetching
    filter:filtering find:finding forecast:forecasting generate:generation group:grouping import:import
    index:indexing invite:invitation issue:issuing keep:keeping limit:limiting log:logging
    manage:management measure:measurement merge:merging monitor:monitoring notify:notification
    organise:organisation organize:organization pay:payment plan:planning play:playback predict:prediction
    print:printing protect:protection publish:publishing read:reading recognise:recognition
    recognize:recognition recommend:recommendation record:recording remind:reminding remove:removal
    resize:resizing restore:restoring scale:scaling scan:scanning schedule:scheduling search:search
    sell:selling send:sending share:sharing show:- sign:signing sort:sorting split:splitting store:storage
    stream:streaming summarise:summarising summarize:summarizing sync:sync synchronise:synchronisation
    synchronize:synchronization tag:tagging track:tracking transcribe:transcription translate:translation
    update:updating upload:upload validate:validation verify:verification visualise:visualisation
    visualize:visualization write:writing
    support:- provide:- offer:- include:- have:- give:- allow:- enable:- make:-
        """
    )
)


def third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ies"
    return f"{verb}es" if re.search(r"(?:ch|sh|x)$", verb) else f"{verb}s"


THIRD_PERSON = {third_person(verb): verb for verb in VERBAL_NOUNS}
# Also nouns: "plans overview" is no sentence.
ALSO_NOUNS = word_set(
    "archives books catalogs exchanges exports filters forecasts groups imports indexes issues limits logs"
    " measures plans plays prints records scales scans schedules searches shares signs sorts"
    " stores streams tags tracks updates uploads downloads"
)
BOUNDARY = word_set(
    "about and are as at automatically before by during every for from in into is of on or so that through to"
    " using via when which while with within without"
)
DETERMINERS = word_set("a all an any every his her its my our the their your")
PRONOUNS = word_set("anything everything it me something them us what who you")
UNCOUNTED = word_set(
    "cash email food health inventory mail medication money music news progress property software spending"
    " staff stock time traffic weather work"
)
# "Import rules" are rules about imports.
ATTRIBUTES = word_set(
    "categories features fields filters formats history limits links logs options permissions results rules"
    " settings statistics templates tools types views"
)
CONTAINERS = word_set(
    "app application assistant box collection database hub library manager management organiser organizer"
    " platform program server service site software solution suite system tool tracker website webapp"
)
EARLY = 2  # words before which an ambiguous one is rather a verb: "Mealie plans a week"
BEFORE_VERBS = word_set("and automatically easily or quickly they to you")
ADJECTIVES = word_set(
    "clean easy efficient fast free lightweight modern personal powerful simple smart beautiful"
)
SINGULAR_IN_S = word_set("analytics canvas css dns gps https mathematics news rss series sms sos sso tls")
PLURAL = re.compile(r"[^siu]s$", re.IGNORECASE)

# Torn out of "writes the shopping list" and "offline reading", these name nothing.
FRAGMENTS = word_set("adding creating keeping making reading sending showing using writing") | (
    THIRD_PERSON.keys() - ALSO_NOUNS - word_set("automates encrypts syncs synchronises synchronizes")
)
QUALITIES = word_set(
    """
    ad-free ads affordable beautiful cheap clean commercial compatible consent cost customisable customizable
    dedicated design easy fast flexible foss free friendly intuitive legal license light lightweight low made
    minimal minimalist modern native open open-source opensource powerful privacy private pure quick reliable
    respect respecting respects robust scalable secure security self self-hosted selfhosted simple simplicity
    source stable transparent trusted use user user-friendly
    """
)
QUALITY = re.compile(
    r"[\w-]+-(?:aware|based|compliant|first|focused|free|friendly|hosted|minded|oriented|respecting)"
)
AUDIENCE = re.compile(r"^(?:aimed at|built for|dedicated to|designed for|for|made for|meant for)\b", re.I)
NEGATED = re.compile(r"\b(?:cannot|lacks?|neither|never|no|non|none|nor|not|without|\w+n['’]t)\b", re.I)
FAULT = re.compile(
    r"\b(?:bad|broken|bugg?y|clunky|confusing|disappointing|difficult|expensive|fails?|hard to|hardly|lacking"
    r"|limited|miss(?:es|ing)|only|outdated|poor(?:ly)?|slow|unreliable|weak(?:er|ly)?|worse)\b",
    re.I,
)
BOUNDED = re.compile(
    r"[$€£¥]|\b(?:at most|costs?|dollars?|euros?|free (?:accounts?|plan|tier|trial|version)|freemium|limits?"
    r"|maximum|monthly fee|per (?:month|seat|user|year)|pric(?:e[ds]?|ing)|premium|tiers?|trial|up to \w+)\b",
    re.I,
)
NAMING = re.compile(r"^(?:(?:an?|the)\b|(?:[^\s]+\s+){1,5}?(?:is|are)\s+(?:an?|one|the)\b)", re.I)
ABILITY = re.compile(
    r"\b(?:allow(?:s|ing)?|automatically|can|enables?|helps?|if|lets?|so|that|when|where|whenever|which|while)\b",
    re.I,
)

PRAISE = re.compile(
    r"\b(?:alternative (?:for|to)|beautiful|best|better|easier|easy|elegant|ethical|intuitive|lightning|like"
    r"|modern|powerful|privacy-\w+|simplest|whole family)\b",
    re.I,
)
PROMISE = re.compile(r"\b(?:allow(?:s|ing)?|can|enables?|helps?|lets?|supports?)\b", re.I)


def noun_phrase(label: str) -> str:
    """A feature's label as it can stand inside a sentence: "plans meals" is "meal planning"."""
    first, *rest = label.split() or [""]
    said = first.lower()
    noun = VERBAL_NOUNS.get(THIRD_PERSON.get(said, said))
    is_third, is_noun_too = said in THIRD_PERSON, said in ALSO_NOUNS
    if noun is None:
        return label
    if not rest:
        return noun if is_third and not is_noun_too and noun != "-" else label
    end = next((place for place, word in enumerate(rest) if word.lower() in BOUNDARY), len(rest))
    thing, tail = rest[:end], rest[end:]
    is_told = bool(thing) and thing[0].lower() in DETERMINERS
    thing = thing[1:] if is_told else thing
    if not thing or thing[0].lower() in PRONOUNS:
        return label
    if not is_told and not has_object(thing[-1].lower(), is_third, is_noun_too):
        return label
    named = thing if noun == "-" else [*thing[:-1], singular(thing[-1]), noun]
    phrase = " ".join([*named, *tail])
    return phrase[:1].upper() + phrase[1:] if first[:1].isupper() else phrase


def has_object(last: str, is_third: bool, is_noun_too: bool) -> bool:
    """Whether what follows a verb, up to this word, is what the verb is done to."""
    if is_third and not is_noun_too:
        return True
    return (bool(PLURAL.search(last)) and last not in ATTRIBUTES) or last in UNCOUNTED


def is_plural(phrase: str) -> bool:
    """Whether a noun phrase names several things, by the last word before the first preposition."""
    found = phrase.lower().split()
    end = next((place for place, word in enumerate(found) if word in BOUNDARY), len(found))
    return end > 0 and found[end - 1] not in SINGULAR_IN_S and bool(PLURAL.search(found[end - 1]))


def singular(word: str) -> str:
    for ending, instead in ENDINGS[1:]:
        found = ending.sub(instead, word)
        if found != word:
            return found
    return word


def plural(word: str) -> str:
    if word.lower().endswith("s") or word.lower() in UNCOUNTED:
        return word
    if re.search(r"(?:ch|sh|x|z)$", word, re.I):
        return f"{word}es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word, re.I) else f"{word}s"


def contents(label: str) -> str:
    """What a product named like this holds: "recipe box" is about recipes. Other labels stay."""
    found = label.split()
    while len(found) > 1 and found[0].lower() in ADJECTIVES:
        found = found[1:]
    kept = found
    while kept and kept[-1].lower() in CONTAINERS:
        kept = kept[:-1]
    if kept == found or not kept:
        return " ".join(found)
    if kept[-1].lower() in UNCOUNTED:
        return " ".join([*kept, "tracking" if found[-1].lower() == "tracker" else "management"])
    return " ".join([*kept[:-1], plural(kept[-1])])


def is_buildable(label: str) -> bool:
    """Whether a label names a thing, rather than how or for whom the product is or what it is without."""
    return label.lower() not in FRAGMENTS and not is_quality(label)


def is_quality(label: str) -> bool:
    found = [word for word in words(label) if is_content(word)]
    return (
        bool(AUDIENCE.match(label) or NEGATED.search(label))
        or bool(found and found[-1] in ("compatible", "friendly"))
        or (bool(found) and all(word in QUALITIES or QUALITY.fullmatch(word) for word in found))
    )


def states_behaviour(text: str) -> bool:
    """Whether a sentence says what something does: no fault, limit, price, name or slogan."""
    if NEGATED.search(text) or FAULT.search(text) or BOUNDED.search(text):
        return False
    if PRAISE.search(text) and not PROMISE.search(text):
        return False
    if ABILITY.search(text):
        return True
    return not NAMING.match(text) and has_verb(words(text))


def has_verb(sentence: list[str]) -> bool:
    """Whether one of the known verbs stands where it is one: many of them are nouns elsewhere."""
    for place, word in enumerate(sentence):
        if word in THIRD_PERSON and (word not in ALSO_NOUNS or place < EARLY):
            return True
        if word in VERBAL_NOUNS and (place == 0 or sentence[place - 1] in BEFORE_VERBS):
            return True
    return False
