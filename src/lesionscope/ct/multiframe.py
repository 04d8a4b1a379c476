"""Frames of one file: the functional groups of multi-frame objects (PS3.3 C.7.6.16)."""

from __future__ import annotations

from lesionscope.ct.elements import Elements, floats, number, real, text, texts, whole
from lesionscope.ct.facts import Frame, Unreadable

_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_PLANE_POSITION, _PLANE_ORIENTATION, _PIXEL_MEASURES = 0x00209113, 0x00209116, 0x00289110
_VALUE_TRANSFORMATION, _FRAME_CONTENT, _CT_FRAME_TYPE = 0x00289145, 0x00209111, 0x00189329
_HEART, _RAYS = 0x00189118, 0x00189325


def frames_of(dataset: Elements, count: int) -> tuple[Frame, ...]:
    """Return the facts of each frame, from the functional groups where there are any.

    A value is looked for in the frame's own group, then in the shared groups, then at
    the top level.

    Raises
    ------
    Unreadable
        The groups and the number of frames contradict each other.
    """
    top = _frame(dataset, dataset, dataset, dataset, dataset, dataset, dataset, dataset, 0)
    if _PER_FRAME not in dataset and _SHARED not in dataset:
        if count == 1:
            return (top,)
        # Frames without groups (a captured cine, say) have no positions of their own.
        return tuple(
            Frame(index=index, slope=top.slope, intercept=top.intercept, image_type=top.image_type)
            for index in range(count)
        )
    shared_items = _items(dataset, _SHARED)
    shared = shared_items[0] if shared_items else dataset
    own = _items(dataset, _PER_FRAME)
    if own and len(own) != count:
        raise Unreadable(f"its header announces {count} frames but describes {len(own)}")

    frames = []
    for index in range(count):
        group = own[index] if own else shared

        def macro(tag: int, group: Elements = group) -> Elements:
            for place in (group, shared):
                items = _items(place, tag)
                if items:
                    return items[0]
            return dataset

        frames.append(
            _frame(
                macro(_PLANE_POSITION),
                macro(_PLANE_ORIENTATION),
                macro(_PIXEL_MEASURES),
                macro(_VALUE_TRANSFORMATION),
                macro(_FRAME_CONTENT),
                macro(_CT_FRAME_TYPE),
                macro(_HEART),
                macro(_RAYS),
                index,
            )
        )
    return tuple(frames)


def _items(place: Elements, tag: int) -> list[Elements]:
    """Return a sequence's items; none where it is absent."""
    if tag not in place:
        return []
    value = place[tag].value
    return list(value) if value is not None else []


def _frame(
    place: Elements,
    plane: Elements,
    measures: Elements,
    transformation: Elements,
    content: Elements,
    kind: Elements,
    heart: Elements,
    rays: Elements,
    index: int,
) -> Frame:
    position = floats(place, 0x00200032, 3)
    spacing = floats(measures, 0x00280030, 2)
    slope, intercept = floats(transformation, 0x00281053), floats(transformation, 0x00281052)
    thickness = floats(measures, 0x00180050)
    trigger, voltage = floats(heart, 0x00181060), floats(rays, 0x00180060)
    acquisition = whole(content, 0x00200012)
    temporal = whole(content, 0x00200100)
    return Frame(
        index=index,
        position=(position[0], position[1], position[2]) if position else None,
        orientation=floats(plane, 0x00200037, 6),
        spacing=(spacing[0], spacing[1]) if spacing else None,
        slope=slope[0] if slope else None,
        intercept=intercept[0] if intercept else None,
        rescale_type=text(transformation, 0x00281054).upper(),
        instance=whole(content, 0x00200013),
        acquisition=acquisition if acquisition is not None else number(content, 0x00209156),
        temporal=temporal if temporal is not None else number(content, 0x00209128),
        time=text(content, 0x00189074) or text(content, 0x00080032) or text(content, 0x00080033),
        thickness=thickness[0] if thickness and thickness[0] > 0 else None,
        phase=real(heart, 0x00209241),
        trigger=trigger[0] if trigger else None,
        voltage=voltage[0] if voltage and voltage[0] > 0 else None,
        image_type=texts(kind, 0x00089007) or texts(kind, 0x00080008),
    )
