"""One ONNX graph on the CPU by ONNX Runtime, which is loaded with the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lesionscope.errors import Cancelled, InputError
from lesionscope.progress import CancelToken


def session_options(path: Path, threads: int) -> Any:
    """Return options for a session of a file's bytes, whose tensors must all be in that file.

    A graph may keep tensors in other files, which a package's digests don't cover. Of a graph given as bytes
    ONNX Runtime looks for them in the working directory, or in the folder that is named here, which is none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path))
    return options


class OnnxGraph:
    """A graph that is ready to run; safe to share between threads.

    Parameters
    ----------
    path
        The file.
    threads
        Threads of one inference.

    Raises
    ------
    InputError
        The file can't be used, or keeps some of its tensors in another one.
    """

    def __init__(self, path: Path, threads: int = 2) -> None:
        import onnxruntime

        options = session_options(path, threads)
        # Threads that spin while they wait would take the cores that scrolling needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._runtime = onnxruntime
        self.device = f"cpu (onnxruntime {onnxruntime.__version__})"
        errors = onnxruntime.capi.onnxruntime_pybind11_state
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (
            OSError,
            errors.Fail,
            errors.InvalidArgument,
            errors.InvalidGraph,
            errors.InvalidProtobuf,
            errors.RuntimeException,
        ) as error:
            raise InputError(
                f"{path} can't be used as a network ({' '.join(str(error).split())[:200]}); "
                "install the model package again."
            ) from error

    def run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], cancel: CancelToken | None = None
    ) -> list[NDArray[Any]]:
        """Return outputs by name; a cancel ends the run between two of the graph's steps.

        Raises
        ------
        Cancelled
            By ``cancel``.
        """
        options = self._runtime.RunOptions()

        def terminate() -> None:
            options.terminate = True

        forget = cancel.on_cancel(terminate) if cancel is not None else None
        try:
            values: list[NDArray[Any]] = self._session.run(list(outputs), dict(inputs), options)
        except Exception as error:
            if cancel is not None and cancel.cancelled:
                raise Cancelled("Stopped at your request.") from error
            raise
        finally:
            if forget is not None:
                forget()
        return values
