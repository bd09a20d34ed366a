"""The offline planner: features with what research knows of them become drafts of nodes.

Deterministic: the same material gives the same nodes with the same keys, so that a run that is repeated
finds what it made before, and two plans can be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from buildgraphs import library, ordering, prompts, rules, wording
from buildgraphs.library import Part
from buildgraphs.matching import Match
from buildgraphs.ordering import Root
from buildgraphs.schemas import Assessment, Briefing, Draft, Feature, Material, Spec, Statement
from manticscore.lib.ideas import clean, shortened
from manticscore.lib.words import stems

MAX_STATEMENTS = 3  # that become criteria of one node
MAX_ASIDE = 2  # that are told as something to bear in mind
MAX_QUOTE = 240
LONG_LABEL = 5  # words, beyond which a label is put into quotation marks
GENERIC = 3  # parts among which a word that stands in so many tells nothing
# Words that stand in what is said of every product, and so say nothing of where it belongs.
TELLING_NOTHING = frozenset(
    stems(
        "add app change create data feature file give keep list manage new open read record see show text"
        " time user way web work"
    )
)
FIELD = re.compile(r"\{(audience|feature|quote|source)\}")

CRITERION = "{feature} does at least what {source} states: {quote}"
PROOF = "Show with sample data that {feature} does what {source} states: {quote}"
COMPLAINT = "Avoid what is said against {source}: {quote}"
ASIDE = "Bear in mind, without copying it, what is said of {source}: {quote}"
UNRECOGNISED = "What exactly {feature} does is not described; nothing like it is known."


@dataclass(frozen=True, slots=True)
class Setting:
    """What the texts of a branch are filled with. `needs` names the features that this one stands on."""

    material: Material
    feature: Feature
    match: Match
    needs: tuple[str, ...]

    @property
    def term(self) -> str:
        return name_in_text(self.feature.label)

    def fill(self, text: str, said: Statement | None = None) -> str:
        """The template filled in one pass: what is put in is never a template itself."""
        values = {"audience": self.material.audience, "feature": self.term}
        if said is not None:
            values |= {"source": said.source, "quote": f'"{shortened(clean(said.text), MAX_QUOTE)}"'}
        return recased(FIELD.sub(lambda field: values[field[1]], text), str.upper)

    def filled(self, texts: Sequence[str]) -> list[str]:
        return [self.fill(text) for text in texts]

    def parts_at(self, place: str) -> tuple[Part, ...]:
        """The parts of the feature (place ""), or the steps of one of them."""
        kind = self.match.archetype
        return library.find(kind, place).steps if place else library.parts_of(kind, self.feature.label)


@dataclass(frozen=True, slots=True)
class Said:
    """What sources say that concerns one place of a feature."""

    statements: tuple[Statement, ...] = ()
    complaints: tuple[Statement, ...] = ()

    @property
    def shown(self) -> list[Statement]:
        """What others do, and so is to be reached."""
        return [each for each in self.statements if wording.states_behaviour(each.text)][:MAX_STATEMENTS]

    @property
    def aside(self) -> list[Statement]:
        """Slogans, limits and faults, which are no example to follow."""
        return [each for each in self.statements if not wording.states_behaviour(each.text)][:MAX_ASIDE]

    @property
    def against(self) -> tuple[Statement, ...]:
        """What people complain about."""
        return self.complaints[:MAX_STATEMENTS]

    @property
    def evidence_ids(self) -> tuple[str, ...]:
        """Of whatever stands in the node's spec."""
        return tuple(each.evidence_id for each in (*self.shown, *self.aside, *self.against))


def name_in_text(label: str) -> str:
    """A label inside a sentence. One in the plural stands there as a name, since all templates speak of one.

    So does one with capitals after its first word, as "Google Calendar sync".
    """
    phrase = wording.noun_phrase(label)
    if len(phrase.split()) > LONG_LABEL:
        return f'"{phrase}"'
    is_name = wording.is_plural(phrase) or any(word[:1].isupper() for word in phrase.split()[1:])
    return recased(phrase, str.upper if is_name else str.lower)


def recased(text: str, change: Callable[[str], str]) -> str:
    """The text with its first letter changed, unless that would become two, as a German sharp s.

    Nor is it changed before another capital: "iOS" and "PDF" are written as they are.
    """
    first = change(text[:1])
    return text if text[1:2].isupper() or len(first) != 1 else first + text[1:]


def branch(material: Material, root: Root) -> list[Draft]:
    """The nodes of a feature as they are at first: the feature, then its parts."""
    return branch_of(Setting(material, root.feature, root.match, needed(material, root)), root)


def needed(material: Material, root: Root) -> tuple[str, ...]:
    """Labels of the features that a root needs."""
    if not root.needs:
        return ()
    labels = {each.key: each.feature.label for each in ordering.roots(material)}
    return tuple(recased(labels[key], str.upper) for key in root.needs)


def branch_of(setting: Setting, root: Root) -> list[Draft]:
    parts = children(setting, root.key, "")
    top = head(setting, root, parts)
    return [prompts.completed(top), *parts]


def expansion(material: Material, feature_id: str, archetype: str, key: str, part: str) -> list[Draft]:
    """The nodes below a part that is expanded."""
    return children(setting_of(material, feature_id, archetype), key, part)


def redraft(material: Material, feature_id: str, archetype: str, key: str, part: str) -> Draft:
    """The draft that a stored node was made from, as it would be made now."""
    if part:
        parent_key, parent_part = key.rpartition(".")[0], part.rpartition(".")[0]
        beside = expansion(material, feature_id, archetype, parent_key, parent_part)
        return next(each for each in beside if each.key == key)
    setting = setting_of(material, feature_id, archetype)
    root = Root(setting.feature, setting.match, key, 0, ())
    return branch_of(setting, root)[0]


def setting_of(material: Material, feature_id: str, archetype: str) -> Setting:
    """The kind is the one the graph was planned with, also where other words would say another today."""
    root = next(each for each in ordering.roots(material) if each.feature.id == feature_id)
    match = replace(root.match, archetype=library.archetypes()[archetype])
    return Setting(material, root.feature, match, needed(material, root))


def children(setting: Setting, parent_key: str, place: str) -> list[Draft]:
    """The drafts directly below a feature (place "") or one of its parts."""
    parts = setting.parts_at(place)
    hands = said_at(setting, place)
    drafts = [
        draft(setting, part, number, parent_key, place, said)
        for number, (part, said) in enumerate(zip(parts, hands, strict=True))
    ]
    return [placed(setting, each, drafts, place) for each in drafts]


def said_at(setting: Setting, place: str) -> list[Said]:
    """For every part of a place what concerns it, of all that sources say of the feature.

    What a part was dealt is dealt on to its steps. A statement that fits none of them goes to the main one,
    a complaint that fits none concerns all.
    """
    parts = setting.parts_at(place)
    whole = Said(distinct(setting.feature.statements), distinct(setting.feature.complaints))
    if place:
        above = setting.parts_at("")
        whole = next(
            said for part, said in zip(above, said_at(setting, ""), strict=True) if part.key == place
        )
    main = next((place for place, part in enumerate(parts) if part.main), 0)
    telling = words_of(parts, setting.feature.label)
    stated: list[list[Statement]] = [[] for _ in parts]
    blamed: list[list[Statement]] = [[] for _ in parts]
    for statement in whole.statements:
        fitting = fits(telling, statement)
        stated[main if fitting is None else fitting].append(statement)
    for complaint in whole.complaints:
        fitting = fits(telling, complaint)
        for hand in blamed if fitting is None else [blamed[fitting]]:
            hand.append(complaint)
    return [Said(tuple(mine), tuple(against)) for mine, against in zip(stated, blamed, strict=True)]


def distinct(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    return tuple({" ".join(each.text.split()): each for each in reversed(statements)}.values())[::-1]


def words_of(parts: Sequence[Part], label: str) -> list[set[str]]:
    """The stems by which each part is known from the others; those of the feature's name tell nothing."""
    texts = [" ".join([part.name, part.objective, *part.criteria, *part.tests]) for part in parts]
    found = [set(stems(FIELD.sub(" ", text))) for text in texts]
    common = Counter(stem for each in found for stem in each)
    generic = {stem for stem, count in common.items() if count >= GENERIC} | set(stems(label))
    generic |= TELLING_NOTHING
    return [each - generic for each in found]


def fits(telling: Sequence[set[str]], statement: Statement) -> int | None:
    """The place of the part whose words a statement shares most, the first of equals; None without any."""
    said = set(stems(statement.text))
    best = max(range(len(telling)), key=lambda place: (len(telling[place] & said), -place))
    return best if telling[best] & said else None


def draft(setting: Setting, part: Part, number: int, parent_key: str, place: str, said: Said) -> Draft:
    here = f"{place}.{part.key}" if place else part.key
    spec = Spec(
        objective=setting.fill(part.objective),
        constraints=constraints(setting, part, place, said),
        acceptance_criteria=[
            *setting.filled(part.criteria),
            *(setting.fill(CRITERION, each) for each in said.shown),
        ],
        test_checklist=[*setting.filled(part.tests), *(setting.fill(PROOF, each) for each in said.shown)],
    )
    return Draft(
        key=f"{parent_key}.{part.key}",
        parent_key=parent_key,
        depth=here.count(".") + 1,
        sort_order=number,
        name=setting.fill(part.name),
        description=spec.objective,
        node_status="collapsed" if part.steps else "leaf",
        feature_id=setting.feature.id,
        archetype=setting.match.archetype.key,
        part=here,
        assessment=assessed(setting, part, len(said.statements)),
        spec=spec,
        briefing=Briefing(setting.material.idea, (*trail(setting, place), setting.fill(part.name))),
        needs=tuple(f"{parent_key}.{key}" for key in needs_of(setting, part, place)),
        evidence_ids=said.evidence_ids,
    )


def needs_of(setting: Setting, part: Part, place: str) -> list[str]:
    """Keys of the parts beside it that a part needs, as far as the feature has them."""
    there = {each.key for each in setting.parts_at(place)}
    return [key for key in part.needs if key in there]


def constraints(setting: Setting, part: Part, place: str, said: Said) -> list[str]:
    """A part's own, those of the part it belongs to, and what people and research warn of."""
    above = library.find(setting.match.archetype, place).constraints if place else ()
    return list(dict.fromkeys([*setting.filled((*above, *part.constraints)), *warnings(setting, said)]))


def warnings(setting: Setting, said: Said) -> Iterator[str]:
    yield from (setting.fill(COMPLAINT, each) for each in said.against)
    yield from setting.feature.cautions[:MAX_STATEMENTS]
    yield from (setting.fill(ASIDE, each) for each in said.aside)


def assessed(setting: Setting, part: Part, sources: int) -> Assessment:
    """What the rules say of a part, which is as risky as the riskiest of its steps."""
    unknowns = [*setting.filled(part.unknowns), *unrecognised(setting)]
    touches = rules.touched(part.touches, setting.feature.label)
    recognised = setting.match.is_recognised
    own = rules.assess(touches, part.effort, unknowns, recognised=recognised, sources=sources)
    return rules.with_parts(
        own, [(setting.fill(step.name), assessed(setting, step, 0)) for step in part.steps]
    )


def unrecognised(setting: Setting) -> list[str]:
    return [] if setting.match.is_recognised else [setting.fill(UNRECOGNISED)]


def head(setting: Setting, root: Root, parts: Sequence[Draft]) -> Draft:
    """The feature itself: what its parts have to give together."""
    kind = setting.match.archetype
    said = Said(distinct(setting.feature.statements), distinct(setting.feature.complaints))
    told = [setting.fill(CRITERION, each) for each in said.shown]
    spec = Spec(
        objective=setting.fill(kind.head),
        constraints=list(warnings(setting, said)),
        acceptance_criteria=[part.spec.acceptance_criteria[0] for part in parts] + told,
        test_checklist=[part.spec.test_checklist[0] for part in parts],
    )
    efforts = rules.together([part.assessment.effort for part in parts])
    touches = rules.touched(kind.touches, setting.feature.label)
    unknowns = list(dict.fromkeys(text for part in parts for text in part.assessment.unknowns))
    recognised = setting.match.is_recognised
    ruled = rules.assess(touches, efforts, unknowns, recognised=recognised, sources=len(said.statements))
    return Draft(
        key=root.key,
        parent_key=None,
        depth=0,
        sort_order=root.sort_order,
        name=recased(setting.feature.label, str.upper),
        description=spec.objective,
        node_status="expanded",
        feature_id=setting.feature.id,
        archetype=kind.key,
        part="",
        assessment=rules.with_parts(ruled, [(part.name, part.assessment) for part in parts]),
        spec=spec,
        briefing=Briefing(setting.material.idea, tuple(trail(setting, "")), needs=setting.needs),
        needs=root.needs,
        evidence_ids=said.evidence_ids,
    )


def trail(setting: Setting, place: str) -> list[str]:
    """Names from the feature down to a place."""
    part = [setting.fill(library.find(setting.match.archetype, place).name)] if place else []
    return [recased(setting.feature.label, str.upper), *part]


def placed(setting: Setting, made: Draft, siblings: Sequence[Draft], place: str) -> Draft:
    """The draft with its prompt, which also tells what it stands on and what belongs to others.

    Whatever the feature needs, and the part that a step belongs to, is there before it too.
    """
    names = {each.key: each.name for each in siblings}
    above = {part.key: setting.fill(part.name) for part in setting.parts_at("")} if place else {}
    before = needs_of(setting, library.find(setting.match.archetype, place), "") if place else []
    needs = (*setting.needs, *(above[key] for key in before), *(names[key] for key in made.needs))
    others = [
        *(name for key, name in names.items() if key != made.key),
        *(name for key, name in above.items() if key != place),
    ]
    briefing = replace(made.briefing, needs=needs, beside=tuple(name for name in others if name not in needs))
    return prompts.completed(replace(made, briefing=briefing))
