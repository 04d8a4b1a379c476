"""Tables 2 and 3 of paper 000, to print beside ours; AUC in percent."""

from __future__ import annotations

from collections.abc import Mapping

from lesionscope.models.systems import SYSTEMS

HEADS = ("H1", "H2", "H3", "H4")
LEAVES = "L"
COLUMNS = (*HEADS, LEAVES)
"""Table 2's columns: mAUC@H1 … mAUC@L."""
NODES = ("H1a", "H1b", "H1c", "H2a", "H2b", "H2c", "H2d", "H2e", "H3a", "H3b", "H3c", "H3d", "H4a", "H4b")

TITLES: Mapping[str, str] = dict(
    zip(
        SYSTEMS,
        (
            "Leaf-Node",
            "Flattened Hierarchy",
            "Leaky Flattened Hierarchy",
            "Dense Hierarchy",
            "Leaky Dense Hierarchy",
        ),
        strict=True,
    )
)
_TABLE_2 = (
    (68.9, 86.9, 76.5, 43.8, 80.7),
    (64.3, 85.5, 76.2, 92.2, 80.4),
    (74.1, 87.3, 70.0, 92.4, 81.9),
    (66.1, 87.3, 80.0, 93.0, 81.1),
    (75.9, 89.1, 79.9, 93.8, 84.1),
)
_TABLE_3 = (
    (69.3, 67.8, 66.6, 87.1, 86.8, 86.2, 76.4, 74.6, 70.6, 71.6, 88.0, 69.8, 55.3, 31.0),
    (64.4, 62.9, 64.3, 85.7, 87.2, 84.8, 78.3, 68.2, 76.2, 61.9, 88.2, 63.9, 92.2),
    (74.6, 72.9, 71.1, 87.4, 86.2, 92.8, 80.3, 81.9, 76.6, 78.3, 88.8, 54.2, 92.4),
    (66.2, 67.2, 64.6, 87.5, 87.2, 89.0, 83.8, 75.0, 77.8, 69.9, 91.5, 69.6, 93.0),
    (76.4, 76.9, 71.5, 89.2, 90.4, 86.9, 83.8, 75.9, 79.5, 71.1, 90.2, 63.3, 93.8),
)
TABLE_2: Mapping[str, Mapping[str, float]] = {
    row: dict(zip(COLUMNS, values, strict=True)) for row, values in zip(SYSTEMS, _TABLE_2, strict=True)
}
"""Mean AUC by system and head, weighted by test counts, within the head; "L" over all test lesions."""
TABLE_3: Mapping[str, Mapping[str, float]] = {
    row: dict(zip(NODES, values, strict=False)) for row, values in zip(SYSTEMS, _TABLE_3, strict=True)
}
"""AUC by system and node, within the head. Only Leaf-Node has a value of its own for H4b."""
