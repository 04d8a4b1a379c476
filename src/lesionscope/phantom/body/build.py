"""What differs between patients: sex, size, build, contrast phase, tissue values.

Shapes are written down once, in the coordinates of a design patient (carina at z = 0,
inner half-width of the chest 118 mm, half-depth 82 mm), and brought to a patient by
:meth:`Build.at` and :meth:`Build.sized`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lesionscope.phantom.body.tissues import PHASES, tissue_hu
from lesionscope.phantom.patient import Patient

Vec = tuple[float, float, float]

HEART_Y = 6.0
"""The design patient's chest is centred here; depth scales about it."""


@dataclass(frozen=True)
class Build:
    """Sizes in mm (see :class:`~lesionscope.phantom.patient.Patient`) and HU of one patient.

    Parameters
    ----------
    seed, sex, phase
        As :class:`~lesionscope.phantom.body.body.Body` has them.
    patient
        Chest: its sizes and its lung and muscle values.
    scale
        Patient over design patient along x, y and z.
    hip
        Breadth of the hips over the design patient's.
    organ
        Size factor of each organ, drawn by name.
    hu
        HU of each tissue in this patient's contrast phase.
    breast
        Half-breadth of a breast, mm.
    glandular
        Share of a breast that is gland.
    bladder, stomach
        How full: 0 empty … 1 full.
    """

    seed: int
    sex: str
    phase: str
    patient: Patient
    scale: Vec
    hip: float
    organ: dict[str, float]
    hu: dict[str, float]
    breast: float
    glandular: float
    bladder: float
    stomach: float

    @classmethod
    def draw(cls, seed: int) -> Build:
        """Draw a patient."""
        rng = np.random.default_rng([seed, 31])
        sex = "F" if rng.random() < 0.5 else "M"
        phase = PHASES[int(rng.choice(len(PHASES), p=(0.1, 0.13, 0.64, 0.13)))]
        size = float(np.clip(rng.normal(0.965 if sex == "F" else 1.025, 0.035), 0.88, 1.12))
        width = size * float(rng.uniform(0.96, 1.05))
        depth = size * float(rng.uniform(0.94, 1.07))
        hu = tissue_hu(phase, rng)
        emphysema = float(rng.beta(1.2, 3.0))
        patient = Patient(
            half_width=118 * width,
            half_depth=82 * depth,
            apex=118 * size,
            base_right=-98 * size + float(rng.uniform(-8, 8)),
            base_left=-108 * size + float(rng.uniform(-8, 8)),
            heart=float(rng.uniform(0.9, 1.1)),
            wall=float(rng.uniform(11, 15) if sex == "F" else rng.uniform(13, 19)),
            fat=float(np.clip(rng.gamma(5.0, 3.6), 6, 38)),
            mediastinum=float(rng.uniform(22, 27)),
            lung_hu=float(rng.uniform(-850, -800)) - 40 * emphysema,
            emphysema=emphysema,
            muscle_hu=hu["muscle"],
            blood_hu=hu["artery"],
            heart_hu=hu["vein"],
            liver_hu=hu["liver"],
        )
        organs = (
            "liver",
            "spleen",
            "pancreas",
            "kidney",
            "adrenal",
            "heart",
            "uterus",
            "prostate",
            "thyroid",
        )
        return cls(
            seed=seed,
            sex=sex,
            phase=phase,
            patient=patient,
            scale=(width, depth, size),
            hip=size * float(rng.uniform(1.0, 1.06) if sex == "F" else rng.uniform(0.94, 1.0)),
            organ={name: float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.15)) for name in organs},
            hu=hu,
            breast=float(rng.uniform(48, 68)) if sex == "F" else float(rng.uniform(11, 15)),
            glandular=float(rng.beta(2.0, 2.5)),
            bladder=float(rng.uniform(0.1, 1.0)),
            stomach=float(rng.uniform(0.2, 1.0)),
        )

    def at(self, x: float, y: float, z: float) -> Vec:
        """Bring a point of the design patient to this one."""
        a, b, c = self.scale
        return a * x, HEART_Y + b * (y - HEART_Y), c * z

    def sized(self, x: float, y: float, z: float, organ: str | None = None) -> Vec:
        """Bring half-extents to this patient."""
        a, b, c = self.scale
        f = 1.0 if organ is None else self.organ[organ]
        return a * x * f, b * y * f, c * z * f

    def z(self, level: float) -> float:
        """Bring a height to this patient."""
        return self.scale[2] * level

    def with_phase(self, phase: str) -> Build:
        """Return the same patient in another contrast phase."""
        return replace(self, phase=phase, hu=tissue_hu(phase, np.random.default_rng([self.seed, 32])))
