"""The form of a rule by which a label changes a lesion's looks, and books that rules are written into."""

from __future__ import annotations

from collections.abc import Callable

from lesionscope.phantom.clinic.looks import Looks, Rng, Setting

Rule = Callable[[Looks, Setting, Rng], Looks]


class Rules(dict[str, Rule]):
    """Rules by label, in the order in which they are applied."""

    def of(self, name: str) -> Callable[[Rule], Rule]:
        """Write a function down as the rule of a label."""

        def keep(rule: Rule) -> Rule:
            self[name] = rule
            return rule

        return keep
