"""Checks of what Lesionscope needs; each failure comes with the one command that mends it.

Nothing of a patient's is looked at or printed. Qt is asked in a process of its
own: where a library or the screen is missing it would end ours.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope import config
from lesionscope.errors import LesionscopeError

if TYPE_CHECKING:
    from lesionscope.models.label_package import LabelPackage
    from lesionscope.models.package import ModelPackage

QT_BINDINGS = ("PyQt5", "PyQt6", "PySide6")
SYSTEM_LIBRARIES = (
    "sudo apt-get install -y libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 libfontconfig1 libdbus-1-3 "
    "libxkbcommon-x11-0 libx11-xcb1 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 "
    "libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-cursor0"
)
FONTS = "sudo apt-get install -y fonts-dejavu-core"
REINSTALL = f"{sys.executable} -m pip install --force-reinstall napari-lesionscope"
DECODED = {"JPEG2000": "JPEG 2000", "JPEG": "lossless JPEG"}
"""Compressions that GDCM can write too, so that decoding is checked on pixels: its name, ours."""

WINDOW_PROBE = """
import json
from qtpy import API_NAME, QtCore, QtGui, QtWidgets
application = QtWidgets.QApplication([])
fonts = QtGui.QFontDatabase() if API_NAME == "PyQt5" else QtGui.QFontDatabase
surface = QtGui.QOffscreenSurface()
surface.create()
context = QtGui.QOpenGLContext()
version = None
if context.create() and context.makeCurrent(surface):
    form = context.format()
    version = [form.majorVersion(), form.minorVersion()]
    context.doneCurrent()
print(json.dumps({"api": API_NAME, "qt": QtCore.qVersion(), "fonts": len(list(fonts.families())),
                  "platform": application.platformName(), "opengl": version}))
"""


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and the command that mends it where it fails."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """Look at everything, one check after the other."""
    yield from _python()
    settings = yield from _configuration()
    yield from _window()
    for check in (_decoders, _plugin):
        yield check()
    yield _processor(settings)
    yield from _models(settings)
    yield _writable(settings)


def _python() -> Iterator[Check]:
    version = sys.version.split()[0]
    yield Check(
        "Python", sys.version_info >= (3, 11), version, "sudo apt-get install -y python3.11 python3.11-venv"
    )


def _configuration() -> Generator[Check, None, config.Config]:
    """Yield the check and return the settings (the defaults where they can't be read)."""
    try:
        settings = config.load()
    except LesionscopeError as error:
        path = config.config_path()
        yield Check("settings", False, str(error), f"mv '{path}' '{path}.old'  (or mend the file)")
        return config.Config()
    path = config.config_path()
    yield Check("settings", True, f"{path}{'' if path.exists() else ' (not there: defaults)'}")
    return settings


def _window() -> Iterator[Check]:
    """Qt, the screen, OpenGL and fonts, from one short-lived process."""
    bindings = [name for name in QT_BINDINGS if importlib.util.find_spec(name)]
    if not bindings:
        install = f"{sys.executable} -m pip install 'napari-lesionscope[pyqt5]'"
        yield Check("Qt", False, "none of PyQt5, PyQt6, PySide6 is installed", install)
        return
    try:
        probe = subprocess.run(
            [sys.executable, "-c", WINDOW_PROBE], capture_output=True, text=True, timeout=60, check=False
        )
        output, complaint = probe.stdout, probe.stderr
    except subprocess.TimeoutExpired:
        output, complaint = "", "it did not start within a minute"
    try:
        seen: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        yield _explain(bindings, complaint)
        return
    yield Check("Qt", True, f"{seen['api']} {seen['qt']} on the platform '{seen['platform']}'")
    opengl = seen["opengl"]
    yield Check(
        "OpenGL",
        opengl is not None and tuple(opengl) >= (2, 1),
        "no context could be made" if opengl is None else f"{opengl[0]}.{opengl[1]} (2.1 is needed)",
        SYSTEM_LIBRARIES if sys.platform == "linux" else "update the graphics driver",
    )
    yield Check("fonts", seen["fonts"] > 0, f"{seen['fonts']} families", FONTS)


def _explain(bindings: list[str], complaint: str) -> Check:
    """Tell a missing screen from a missing library by what Qt says."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    text = " ".join(lines)
    what = f"{', '.join(bindings)} is installed but can't open a window"
    no_screen = sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")
    )
    if no_screen or "could not connect to display" in text:
        return Check("Qt", False, f"{what}: there is no screen", "xvfb-run -a lesionscope doctor")
    if "cannot open shared object" in text or "plugin" in text:
        library = next((line for line in lines if "cannot open shared object" in line), lines[0])
        return Check("Qt", False, f"{what}: {library[-160:]}", SYSTEM_LIBRARIES)
    return Check(
        "Qt",
        False,
        f"{what}: {lines[-1][-160:] if lines else 'it gave no reason'}",
        f"{sys.executable} -m pip install --force-reinstall {bindings[0]}",
    )


def _decoders() -> Check:
    """Write and read a compressed slice with each codec that can be tried on pixels."""
    remedy = f"{sys.executable} -m pip install --force-reinstall SimpleITK pydicom"
    try:
        import SimpleITK

        working = [ours for name, ours in DECODED.items() if _round_trip(SimpleITK, name)]
    except (ImportError, RuntimeError, OSError) as error:
        return Check("decoders", False, f"SimpleITK does not work ({type(error).__name__})", remedy)
    missing = [ours for ours in DECODED.values() if ours not in working]
    found = f"pydicom {metadata.version('pydicom')}, SimpleITK {metadata.version('SimpleITK')}"
    if missing:
        return Check("decoders", False, f"{found}; {', '.join(missing)} is decoded wrong", remedy)
    return Check("decoders", True, f"{found}: {', '.join(working)} decoded right")


def _round_trip(sitk: Any, compressor: str) -> bool:
    import numpy as np

    pixels = (np.add.outer(np.arange(64), 31 * np.arange(64)) % 3000 - 1000).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "slice.dcm")
        writer = sitk.ImageFileWriter()
        writer.SetFileName(path)
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(pixels[np.newaxis]))
        read = sitk.GetArrayFromImage(sitk.ReadImage(path))
    return bool(np.array_equal(read[0], pixels))


def _plugin() -> Check:
    """Napari finds the plugin by an entry point that the installed distribution declares."""
    try:
        version = metadata.version("napari")
    except metadata.PackageNotFoundError:
        install = f"{sys.executable} -m pip install 'napari>=0.9.2,<0.10'"
        return Check("napari", False, "not installed", install)
    names = {point.name for point in metadata.entry_points(group="napari.manifest")}
    found = "napari-lesionscope" in names
    return Check("napari", found, f"{version}, plugin {'found' if found else 'not registered'}", REINSTALL)


def _processor(settings: config.Config) -> Check:
    from lesionscope.inference import devices

    count = devices.cuda_device_count()
    try:
        device, notes = devices.choose(settings.device)
    except LesionscopeError as error:
        return Check("device", False, str(error), "export LESIONSCOPE_DEVICE=auto")
    gpus = f"{count} CUDA GPU(s)" if count else "no CUDA GPU (none is needed)"
    return Check("device", True, " ".join([f"{device}; {gpus}.", *notes]))


def _models(settings: config.Config) -> Iterator[Check]:
    """Whether a pathology model is there, and every package's files are what its card says."""
    from lesionscope.models import registry
    from lesionscope.models.label_package import TASK, open_label_package
    from lesionscope.models.package import package_folders

    folders = (config.data_folder(settings) / "models", registry.BUNDLED)
    survey = registry.survey(folders=folders)
    for problem in survey.problems:
        yield Check("model", False, problem, REINSTALL)
    for package in survey.packages:
        yield _verified(package)
    for folder in package_folders(TASK, folders):
        try:
            label_package = open_label_package(folder)
        except LesionscopeError as error:
            yield _damaged(folder, error)
        else:
            yield _verified(label_package)
    try:
        registry.find(settings.pathology_model, folders=folders)
    except LesionscopeError as error:
        yield Check("model", False, str(error), REINSTALL)


def _verified(package: ModelPackage | LabelPackage) -> Check:
    """Whether a package's files are what its card says."""
    try:
        package.verify()
    except LesionscopeError as error:
        return _damaged(package.folder, error)
    return Check(f"model {package.name}", True, f"{package.card.version}, SHA-256 as in its card")


def _damaged(folder: Path, error: LesionscopeError) -> Check:
    from lesionscope.models import registry

    remedy = REINSTALL if registry.BUNDLED in folder.parents else f"mv '{folder}' '{folder}.damaged'"
    return Check(f"model {folder.name}", False, str(error), remedy)


def _writable(settings: config.Config) -> Check:
    folder = config.data_folder(settings)
    remedy = 'export LESIONSCOPE_DATA="$HOME/lesionscope"'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(b"0" * 65536)
            stream.flush()
    except OSError as error:
        return Check("data folder", False, f"{folder} can't be written ({error.strerror})", remedy)
    return Check("data folder", True, f"{folder} can be written")
