from __future__ import annotations

import json
from pathlib import Path

import pytest

from lesionscope.errors import InputError
from lesionscope.ontology.tree import CHEST_XRAY, RADPATH, load_bundled_tree, load_tree, tree_from_dict


def test_the_chest_xray_tree_agrees_with_what_the_paper_says() -> None:
    tree = load_bundled_tree(CHEST_XRAY)
    by_name = {node.name: node.tag for node in tree.nodes}
    assert (len(tree.nodes), len(tree.leaves), tree.levels) == (19, 14, 4)
    names = [tree.by_tag[tag].name for tag in tree.path(by_name["Scarring"])]
    assert names == ["Abnormality", "Pulmonary", "Scarring"]  # equation (1)
    together = tree.by_tag[by_name["Nodule"]].parent
    assert together is not None and together == tree.by_tag[by_name["Mass"]].parent
    assert tree.by_tag[together].name == "Pulmonary nodules and masses"
    assert by_name["Hilar abnormality"] in tree.leaves  # left and right merged: footnote 1
    assert not any("left" in name.lower() or "right" in name.lower() for name in by_name)


def test_its_siblings_are_independent_and_its_heads_derived() -> None:
    tree = load_bundled_tree(CHEST_XRAY)
    assert not tree.exclusive and not any(head.leaky for head in tree.heads)
    assert [head.name for head in tree.heads] == [
        "top",
        *(n.tag for n in tree.nodes if n.tag not in tree.leaves),
    ]
    assert sorted(tag for head in tree.heads for tag in head.nodes) == sorted(tree.by_tag)
    assert tree_from_dict(tree.as_dict()) == tree


def test_the_file_says_that_it_is_reconstructed() -> None:
    from lesionscope.ontology import tree

    data = json.loads(Path(tree.__file__).with_name("chest_xray.json").read_text(encoding="utf-8"))
    assert data["source"].startswith("Reconstructed")


def test_the_pathology_tree_is_read_as_before() -> None:
    tree = load_tree()
    assert tree == load_bundled_tree(RADPATH)
    assert tree.exclusive and "siblings" not in tree.as_dict()
    assert (len(tree.nodes), len(tree.heads), len(tree.leaves), tree.levels) == (14, 4, 11, 3)


@pytest.mark.parametrize("entries", ['"name": "t", "siblings": "rivals"', '"title": "nameless"'])
def test_a_tree_with_unknown_siblings_or_no_name_is_refused(entries: str, tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    path.write_text(f'{{{entries}, "nodes": [{{"tag": "a", "name": "A", "parent": null}}]}}')
    with pytest.raises(InputError, match=r"tree\.json"):
        load_tree(path)
