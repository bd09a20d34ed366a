"""The offline planner: features with what research knows of them become drafts of nodes.

Deterministic: the same material gives the same nodes with the same keys, so that a run that is repeated
finds what it made before, and two plans can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from buildgraphs import library, matching, prompts, rules
from buildgraphs.library import Part
from buildgraphs.matching import Match
from buildgraphs.ordering import Root
from buildgraphs.schemas import Assessment, Briefing, Draft, Feature, Material, Spec, Statement
from manticscore.lib.ideas import clean, shortened
from manticscore.lib.words import stems

MAX_STATEMENTS = 3  # that become criteria of one node
MAX_QUOTE = 240
LONG_LABEL = 3  # words, beyond which a label is put into quotation marks


@dataclass(frozen=True, slots=True)
class Setting:
    """What the texts of a branch are filled with."""

    material: Material
    feature: Feature
    match: Match

    def fill(self, text: str) -> str:
        """One pass, so that words in braces inside a feature's label stay as they are."""
        before, *after = text.replace("{audience}", self.material.audience).split("{feature}")
        term = name_in_text(self.feature.label)
        filled = before + "".join(term + piece for piece in after)
        return recased(filled, str.upper)

    def filled(self, texts: Sequence[str]) -> list[str]:
        return [self.fill(text) for text in texts]


def name_in_text(label: str) -> str:
    """A label inside a sentence."""
    words = label.split()
    if len(words) > LONG_LABEL:
        return f'"{label}"'
    return label if label[1:2].isupper() else recased(label, str.lower)


def recased(text: str, change: Callable[[str], str]) -> str:
    """The text with its first letter changed, unless that would become two, as a German sharp s."""
    first = change(text[:1])
    return first + text[1:] if len(first) == 1 else text


def branch(material: Material, root: Root) -> list[Draft]:
    """The nodes of a feature as they are at first: the feature, then its parts."""
    return branch_of(Setting(material, root.feature, root.match), root)


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
    feature = material.feature(feature_id)
    match = replace(matching.match(feature), archetype=library.archetypes()[archetype])
    return Setting(material, feature, match)


def children(setting: Setting, parent_key: str, place: str) -> list[Draft]:
    """The drafts directly below a feature (place "") or one of its parts."""
    archetype = setting.match.archetype
    parts = library.find(archetype, place).steps if place else archetype.parts
    shared = statements_at(setting, place)
    drafts = [
        draft(setting, part, number, parent_key, place, own)
        for number, (part, own) in enumerate(zip(parts, dealt(parts, shared), strict=True))
    ]
    return [placed(each, drafts) for each in drafts]


def statements_at(setting: Setting, place: str) -> list[Statement]:
    """What sources say that concerns this place of the archetype."""
    if not place:
        return distinct(setting.feature.statements)
    parts = setting.match.archetype.parts
    own = dealt(parts, distinct(setting.feature.statements))
    return next(found for part, found in zip(parts, own, strict=True) if part.key == place)


def distinct(statements: Sequence[Statement]) -> list[Statement]:
    return list({" ".join(each.text.split()): each for each in reversed(statements)}.values())[::-1]


def dealt(parts: Sequence[Part], statements: Sequence[Statement]) -> list[list[Statement]]:
    """Every statement to the part whose words it shares most; the first part takes what fits none."""
    hands: list[list[Statement]] = [[] for _ in parts]
    words = [set(stems(" ".join([part.objective, *part.criteria, *part.tests]))) for part in parts]
    for statement in statements:
        said = set(stems(statement.text))
        hands[max(range(len(parts)), key=lambda place: (len(words[place] & said), -place))].append(statement)
    return hands


def draft(
    setting: Setting, part: Part, number: int, parent_key: str, place: str, statements: Sequence[Statement]
) -> Draft:
    here = f"{place}.{part.key}" if place else part.key
    spec = Spec(
        objective=setting.fill(part.objective),
        constraints=[*setting.filled(part.constraints), *constraints_from(setting, here)],
        acceptance_criteria=[
            *setting.filled(part.criteria),
            *(criterion(setting, each) for each in statements[:MAX_STATEMENTS]),
        ],
        test_checklist=[
            *setting.filled(part.tests),
            *(proof(setting, each) for each in statements[:MAX_STATEMENTS]),
        ],
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
        assessment=assessed(setting, part, len(statements)),
        spec=spec,
        briefing=Briefing(setting.material.idea, (*trail(setting, place), setting.fill(part.name))),
        needs=tuple(f"{parent_key}.{key}" for key in part.needs),
        evidence_ids=tuple(each.evidence_id for each in statements),
    )


def assessed(setting: Setting, part: Part, sources: int) -> Assessment:
    unknowns = [*setting.filled(part.unknowns), *unrecognised(setting)]
    touches = rules.touched(part.touches, setting.feature.label)
    recognised = setting.match.is_recognised
    return rules.assess(touches, part.effort, unknowns, recognised=recognised, sources=sources)


def unrecognised(setting: Setting) -> list[str]:
    if setting.match.is_recognised:
        return []
    return [
        f"What exactly {name_in_text(setting.feature.label)} does is not described; nothing like it is known."
    ]


def criterion(setting: Setting, statement: Statement) -> str:
    term = name_in_text(setting.feature.label)
    return setting.fill(f"{term} does at least what {statement.source} states: {quoted(statement)}")


def proof(setting: Setting, statement: Statement) -> str:
    term = name_in_text(setting.feature.label)
    return f"Show with sample data that {term} does what {statement.source} states: {quoted(statement)}"


def quoted(statement: Statement) -> str:
    return f'"{shortened(clean(statement.text), MAX_QUOTE)}"'


def constraints_from(setting: Setting, place: str) -> Iterator[str]:
    """What people complain about elsewhere, and what research warns of: told where work on it begins."""
    if place != setting.match.archetype.parts[0].key:
        return
    for complaint in setting.feature.complaints[:MAX_STATEMENTS]:
        yield f"Avoid what is said against {complaint.source}: {quoted(complaint)}"
    yield from setting.feature.cautions[:MAX_STATEMENTS]


def head(setting: Setting, root: Root, parts: Sequence[Draft]) -> Draft:
    """The feature itself: what its parts have to give together."""
    term = name_in_text(setting.feature.label)
    statements = distinct(setting.feature.statements)
    kind = setting.match.archetype
    told = [criterion(setting, each) for each in statements[:MAX_STATEMENTS]]
    spec = Spec(
        objective=f"Give {setting.material.audience} {term}: {listing([part.name for part in parts])}.",
        constraints=list(constraints_from(setting, kind.parts[0].key)),
        acceptance_criteria=[part.spec.acceptance_criteria[0] for part in parts] + told,
        test_checklist=[part.spec.test_checklist[0] for part in parts],
    )
    efforts = rules.together([part.assessment.effort for part in parts])
    touches = rules.touched(kind.touches, setting.feature.label)
    unknowns = list(dict.fromkeys(text for part in parts for text in part.assessment.unknowns))
    recognised = setting.match.is_recognised
    ruled = rules.assess(touches, efforts, unknowns, recognised=recognised, sources=len(statements))
    return Draft(
        key=root.key,
        parent_key=None,
        depth=0,
        sort_order=root.sort_order,
        name=setting.feature.label,
        description=spec.objective,
        node_status="expanded",
        feature_id=setting.feature.id,
        archetype=kind.key,
        part="",
        assessment=ruled,
        spec=spec,
        briefing=Briefing(setting.material.idea, (setting.feature.label,)),
        needs=root.needs,
        evidence_ids=tuple(each.evidence_id for each in statements),
    )


def listing(names: Sequence[str]) -> str:
    """ "a, b and c", each as it stands inside a sentence."""
    lowered = [recased(name, str.lower) for name in names]
    return " and ".join([", ".join(lowered[:-1]), lowered[-1]] if len(lowered) > 1 else lowered)


def trail(setting: Setting, place: str) -> list[str]:
    """Names from the feature down to a place."""
    part = [setting.fill(library.find(setting.match.archetype, place).name)] if place else []
    return [setting.feature.label, *part]


def placed(made: Draft, siblings: Sequence[Draft]) -> Draft:
    """The draft with its prompt, which also tells what belongs to its siblings."""
    names = {each.key: each.name for each in siblings}
    briefing = replace(
        made.briefing,
        needs=tuple(names[key] for key in made.needs if key in names),
        beside=tuple(name for key, name in names.items() if key != made.key),
    )
    return prompts.completed(replace(made, briefing=briefing))
