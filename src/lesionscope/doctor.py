"""Checks of what Lesionscope needs; each failure comes with the one command that mends it.

Nothing of a patient's is looked at or printed. Qt is asked in a process of its
own: where a library or the screen is missing it would end ours. A check that
needs a library which isn't there says so, and the others go on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope import config
from lesionscope.errors import LesionscopeError

if TYPE_CHECKING:
    from lesionscope.models.package import OpenedPackage

QT_BINDINGS = ("PyQt5", "PyQt6", "PySide6")
SYSTEM_LIBRARIES = (
    "sudo apt-get install -y libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 libfontconfig1 libdbus-1-3 "
    "libxkbcommon-x11-0 libx11-xcb1 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 "
    "libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-cursor0"
)
FONTS = "sudo apt-get install -y fonts-dejavu-core"
PIP = f"{sys.executable} -m pip install"
REINSTALL = f"{PIP} --force-reinstall napari-lesionscope"
CUDA_TORCH = f"{PIP} --force-reinstall torch" + (
    " --index-url https://download.pytorch.org/whl/cu126" if sys.platform == "win32" else ""
)
"""The default torch has CUDA on Linux; on Windows that of PyTorch's own index has."""
PCI = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY_CLASS = "0x10de", "0x03"
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
    """One thing looked at.

    Parameters
    ----------
    name, ok, found
        What it is, whether it will do, and what was found.
    remedy
        The command that mends it where it won't do.
    better
        The command that betters it where it will.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    better: str = ""


def examine() -> Iterator[Check]:
    """Look at everything, one check after the other."""
    yield from _python()
    yield _libraries()
    settings = yield from _configuration()
    yield from _window()
    yield from _tried("decoders", lambda: [_decoders()])
    yield _plugin()
    yield from _tried("device", lambda: [_processor(settings)])
    yield from _tried("networks", lambda: [_runtime()])
    yield from _tried("model", lambda: _models(settings))
    yield from _tried("bank", lambda: _banks(settings))
    yield _report_font()
    yield _writable(settings)
    yield Check("cache folder", True, str(config.cache_folder()))


def _tried(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yield checks; where a library that they need can't be loaded, say which."""
    try:
        yield from look()
    except ImportError as error:
        library = (error.name or "a library").partition(".")[0]
        yield Check(name, False, f"{library} can't be loaded", f"{PIP} --force-reinstall {library}")


def _python() -> Iterator[Check]:
    version = sys.version.split()[0]
    yield Check(
        "Python", sys.version_info >= (3, 11), version, "sudo apt-get install -y python3.11 python3.11-venv"
    )


def _libraries() -> Check:
    """Whether everything that the installed distribution asks for is there."""
    try:
        wanted = metadata.requires("napari-lesionscope") or []
    except metadata.PackageNotFoundError:
        return Check("libraries", False, "Lesionscope itself is not installed", REINSTALL)
    names = [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in wanted if "extra ==" not in line]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        return Check("libraries", False, f"not installed: {', '.join(missing)}", f"{PIP} {' '.join(missing)}")
    return Check("libraries", True, f"all {len(names)} are installed")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _configuration() -> Generator[Check, None, config.Config]:
    """Yield the check and return the settings (the defaults where they can't be read)."""
    try:
        settings = config.load()
    except LesionscopeError as error:
        path = config.config_path()
        remedy = f"mv '{path}' '{path}.old'  (or mend the file)"
        if isinstance(error, config.WrongVariable):
            remedy = f"unset {error.variable}"
        yield Check("settings", False, str(error), remedy)
        return config.Config()
    path = config.config_path()
    yield Check("settings", True, f"{path}{'' if path.exists() else ' (not there: defaults)'}")
    if unknown := config.unknown_variables():
        found = f"{', '.join(unknown)}: no setting has that name (known: {', '.join(config.KEYS)})"
        yield Check("environment", False, found, f"unset {' '.join(unknown)}")
    return settings


def _window() -> Iterator[Check]:
    """Qt, the screen, OpenGL and fonts, from one short-lived process."""
    bindings = [name for name in QT_BINDINGS if importlib.util.find_spec(name)]
    if not bindings:
        install = f"{PIP} 'napari-lesionscope[pyqt5]'"
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
        f"{PIP} --force-reinstall {bindings[0]}",
    )


def _decoders() -> Check:
    """Write and read a compressed slice with each codec that can be tried on pixels."""
    libraries = ("pydicom", "SimpleITK", "imagecodecs")
    remedy = f"{PIP} --force-reinstall {' '.join(libraries)}"
    import imagecodecs
    import numpy as np
    import SimpleITK

    pixels = (np.add.outer(np.arange(64), 31 * np.arange(64)) % 3000 - 1000).astype(np.int16)
    try:
        works = {ours: _round_trip(SimpleITK, name, pixels) for name, ours in DECODED.items()}
        unpacked = imagecodecs.jpegls_decode(imagecodecs.jpegls_encode(pixels.view("u2"))).view("i2")
        works["JPEG-LS"] = np.array_equal(unpacked, pixels)
    except (ImportError, RuntimeError, OSError) as error:
        return Check("decoders", False, f"one does not work ({type(error).__name__})", remedy)
    missing = [name for name, right in works.items() if not right]
    found = ", ".join(f"{name} {metadata.version(name)}" for name in libraries)
    if missing:
        return Check("decoders", False, f"{found}; {', '.join(missing)} is decoded wrong", remedy)
    return Check("decoders", True, f"{found}: {', '.join(works)} decoded right")


def _round_trip(sitk: Any, compressor: str, pixels: Any) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "slice.dcm")
        writer = sitk.ImageFileWriter()
        writer.SetFileName(path)
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(pixels[None]))
        return bool((sitk.GetArrayFromImage(sitk.ReadImage(path))[0] == pixels).all())


def _plugin() -> Check:
    """Napari finds the plugin by an entry point that the installed distribution declares."""
    try:
        version = metadata.version("napari")
    except metadata.PackageNotFoundError:
        install = f"{PIP} 'napari>=0.9.2,<0.10'"
        return Check("napari", False, "not installed", install)
    names = {point.name for point in metadata.entry_points(group="napari.manifest")}
    found = "napari-lesionscope" in names
    return Check("napari", found, f"{version}, plugin {'found' if found else 'not registered'}", REINSTALL)


def _processor(settings: config.Config) -> Check:
    """Which device answers, and whether a GPU that is there goes unused."""
    from lesionscope.inference import devices

    count = devices.cuda_device_count()
    unused = count > 0 and not devices.torch_has_cuda()
    try:
        device, notes = devices.choose(settings.device)
    except LesionscopeError as error:
        wanted = settings.device.removeprefix("cuda").removeprefix(":") or "0"
        mended = unused and wanted.isdecimal() and int(wanted) < count
        return Check("device", False, str(error), CUDA_TORCH if mended else "export LESIONSCOPE_DEVICE=auto")
    if unused and settings.device != "cpu":
        return Check("device", True, " ".join([f"{device}.", *notes]), better=CUDA_TORCH)
    if count == 0 and _has_nvidia_card():
        found = f"{device}; there is an NVIDIA card, but its driver isn't loaded"
        tool = "sudo ubuntu-drivers install" if shutil.which("ubuntu-drivers") else None
        return Check("device", True, found, better=tool or "sudo apt-get install -y nvidia-driver")
    return Check(
        "device", True, f"{device}; {f'{count} CUDA GPU(s)' if count else 'no CUDA GPU (none is needed)'}"
    )


def _has_nvidia_card() -> bool:
    """Whether the bus knows an NVIDIA graphics card, whatever its driver; only Linux says so."""

    def said(device: Path, what: str) -> str:
        try:
            return (device / what).read_text(encoding="ascii").strip()
        except OSError:
            return ""

    cards = PCI.iterdir() if PCI.is_dir() else ()
    return any(
        said(card, "vendor") == NVIDIA and said(card, "class").startswith(DISPLAY_CLASS) for card in cards
    )


def _runtime() -> Check:
    """Whether what runs networks on the processor can be loaded: on Windows it needs a system library."""
    try:
        import onnxruntime
    except ImportError as error:
        if sys.platform == "win32" and "DLL" in str(error):
            redistributable = "winget install --id Microsoft.VCRedist.2015+.x64"
            return Check("networks", False, "ONNX Runtime lacks Microsoft's C++ runtime", redistributable)
        raise
    return Check("networks", True, f"ONNX Runtime {onnxruntime.__version__}")


def _models(settings: config.Config) -> Iterator[Check]:
    """Whether every package's files are what its card says, and the models in use are there."""
    from lesionscope.models import registry
    from lesionscope.models.package import package_folders

    folders = (config.data_folder(settings) / "models", registry.BUNDLED)
    kinds = {kind.task: kind for kind in registry.kinds()}
    looked_at = [(task, folder) for task in kinds for folder in package_folders(task, folders)]
    for task, folder in looked_at:
        yield _sound(kinds[task].opener, folder)
    for folder in package_folders(None, folders):
        yield _sound(registry.find_any, folder)
    for key, task in {"pathology_model": "pathology", "label_model": "labels"}.items():
        kind, wanted = kinds[task], getattr(settings, key)
        try:
            folder = kind.folder(wanted, folders)
            if (task, folder) not in looked_at:
                yield _verified(kind.opener(folder))
        except LesionscopeError as error:
            remedy = REINSTALL if wanted is None else f"export {config.variable_of(key)}={kind.default}"
            yield Check("model", False, str(error), remedy)


def _sound(opener: Callable[[Path], OpenedPackage[Any]], folder: Path) -> Check:
    """Whether an installed package opens, and its files are what its card says."""
    from lesionscope.models import registry

    try:
        return _verified(opener(folder))
    except LesionscopeError as error:
        return Check(f"model {folder.name}", False, str(error), _replaced(folder, registry.BUNDLED))


def _verified(package: OpenedPackage[Any]) -> Check:
    """Return the check of a package whose files are what its card says; raises where they aren't."""
    package.verify()
    return Check(f"model {package.name}", True, f"{package.card.version}, SHA-256 as in its card")


def _banks(settings: config.Config) -> Iterator[Check]:
    """Whether every bank of known lesions is whole, and which model it answers."""
    from lesionscope.models import registry
    from lesionscope.models.label_package import survey_labels
    from lesionscope.retrieval.bank import Bank
    from lesionscope.retrieval.registry import BUNDLED, bank_folders

    data = config.data_folder(settings)
    there = survey_labels(folders=(data / "models", registry.BUNDLED))
    models = {package.embedding_sha256 for package in there.packages}
    for folder in bank_folders((data / "banks", BUNDLED)):
        name, problem = f"bank {folder.name}", ""
        try:
            with Bank.open(folder, None) as bank:
                bank.verify()
                found = f"{len(bank)} lesions of {bank.package}"
                if not len(bank):
                    problem = f"{folder} holds no lesion"
                elif bank.package.sha256 not in models:
                    found += "; no label model here asks it"
        except LesionscopeError as error:
            problem = str(error)
        if problem:
            yield Check(name, False, problem, _replaced(folder, BUNDLED))
        else:
            yield Check(name, True, found)


def _replaced(folder: Path, bundled: Path) -> str:
    """Return what mends a damaged package or bank: a new installation, or moving one's own aside."""
    aside = folder.parent.parent / f"{folder.name}.damaged"
    return REINSTALL if bundled in folder.parents else f"mv '{folder}' '{aside}'"


def _report_font() -> Check:
    """Whether the font of the PDF report is there."""
    from lesionscope.report.pdf_form import BOLD, FONTS, REGULAR

    missing = [name for name in (REGULAR, BOLD) if not (FONTS / name).is_file()]
    found = f"{', '.join(missing)} is missing" if missing else "DejaVu Sans"
    return Check("report font", not missing, found, REINSTALL)


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
