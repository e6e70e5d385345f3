"""One notebook executed for Papermill: its kernel, its limits, and the waits of the usual client left out.

Papermill's own engine waits 0.2 s for silence when a kernel has started, looks each 0.1 s whether it has ended, and
writes the whole notebook twice a cell. Here the start is over when the kernel has answered, and the notebook is
written when it ends, by Papermill or, where it does not end well, by the engine.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any
from uuid import uuid4

import zmq.asyncio
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill import engines
from papermill.clientwrap import PapermillNotebookClient
from papermill.iorw import write_ipynb
from papermill.log import logger
from traitlets import Float, Integer, Unicode, default

from salespilot.engine.provisioner import POLL, Provisioner

RECONNECT_MS = 10
"""Between two tries to reach a kernel that has not opened its sockets yet."""
LONGEST_ADDRESS = 107
"""Bytes that the address of a unix socket may have."""


def _context() -> Any:
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    return context


class Channels(AsyncKernelClient):
    """The client's ends of a kernel's sockets."""

    def _context_default(self) -> Any:
        self._created_context = True
        return _context()

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel has answered a first question on both channels; RuntimeError when it does not."""
        ends = monotonic() + (timeout or float("inf"))
        while not await self._has_answered(self.kernel_info()):
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if monotonic() > ends:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _has_answered(self, question: str) -> bool:
        try:
            reply = await self.get_shell_msg(timeout=1)
            while True:
                said = await self.get_iopub_msg(timeout=0.2)
                is_ours = said["parent_header"].get("msg_id") == question
                if is_ours and said["content"].get("execution_state") == "idle":
                    break
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


class Manager(AsyncKernelManager):
    """A kernel's manager, with our provisioner unless the kernel names its own."""

    client_class = f"{__name__}.Channels"

    @default("client_factory")
    def _client_factory_default(self) -> Any:
        return Channels

    @default("context")
    def _context_default(self) -> Any:
        self._created_context = True
        return _context()

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        assert self.kernel_spec is not None
        if self.provisioner is None and "kernel_provisioner" not in self.kernel_spec.metadata:
            self.kernel_id = self.kernel_id or str(uuid4())
            self.provisioner = Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)

    async def _async_wait(self, pollinterval: float = POLL) -> None:
        await super()._async_wait(min(pollinterval, POLL))


class Client(PapermillNotebookClient):
    """Papermill's client, with limits on the whole notebook and private files to talk to its kernel through."""

    time_limit = Float(None, allow_none=True, help="Seconds that its cells may take together; None: no limit.")
    memory_limit = Integer(None, allow_none=True, help="Bytes that its kernel may allocate; None: no limit. Linux.")
    place = Unicode(help="A private folder for the kernel's sockets.")

    _ends: float | None = None

    def create_kernel_manager(self) -> Any:
        """A manager whose kernel talks through files of its own: two at once would race for the same TCP ports."""
        own: dict[str, Any] = {"connection_file": str(Path(self.place) / "kernel.json")}
        if sys.platform != "win32":
            own |= {"transport": "ipc", "ip": str(Path(self.place) / "k")}
        self.km = Manager(kernel_name=self.kernel_name, config=self.config, **own)
        return self.km

    def papermill_execute_cells(self) -> None:
        """Execute the cells within the limits; raises CellTimeoutError past the limit of time."""
        if self.time_limit:
            self._ends = monotonic() + self.time_limit
        if self.memory_limit and self._process and sys.platform == "linux":
            import resource

            resource.prlimit(self._process.pid, resource.RLIMIT_DATA, (self.memory_limit, self.memory_limit))
        super().papermill_execute_cells()

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Execute one cell; whatever ends the notebook is written into it, as its own errors are."""
        try:
            return super().execute_cell(cell, cell_index, **options)
        except CellExecutionError as error:
            if not any(output.output_type == "error" for output in cell.outputs):
                # A kernel at its limit of memory may have none left to send what it says in its reply.
                _write_error(cell, error.ename, error.evalue)
            raise
        except DeadKernelError:
            ended: Exception = DeadKernelError(f"the kernel died ({self._last_words()})")
        except CellTimeoutError as error:
            ended = error
        self.shutdown_kernel = "immediate"  # it would not listen
        _write_error(cell, type(ended).__name__, str(ended))
        self.nb_man.cell_exception(cell, cell_index)
        raise ended from None

    @property
    def _process(self) -> Any:
        assert self.km is not None
        return getattr(self.km.provisioner, "process", None)

    def _last_words(self) -> str:
        status = getattr(self._process, "returncode", None)
        if status is None:
            return "nobody knows how"  # a kernel on another machine
        if status == -signal.SIGKILL:
            return "killed from outside, most often for want of memory"
        return str(signal.strsignal(-status)) if status < 0 else f"it ended itself with status {status}"

    def _get_timeout(self, cell: Any) -> Any:
        own = super()._get_timeout(cell)
        left = None if self._ends is None else max(self._ends - monotonic(), POLL)
        return min((seconds for seconds in (own, left) if seconds is not None), default=None)

    async def _async_handle_timeout(self, timeout: float, cell: Any = None) -> Any:
        if self._ends is not None and monotonic() >= self._ends:
            raise CellTimeoutError(f"the notebook took more than the {self.time_limit:g} s it may take")
        return await super()._async_handle_timeout(timeout, cell)


def _write_error(cell: Any, name: str, said: str) -> None:
    cell.outputs.append(new_output("error", ename=name, evalue=said, traceback=[f"{name}: {said}"]))


class Engine(engines.Engine):
    """The engine as Papermill's own are made."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
        """Execute ``nb``; written to ``output_path`` only if that fails, as Papermill writes what ends well."""
        try:
            return super().execute_notebook(nb, kernel_name, **options)
        except BaseException:
            if output_path:
                write_ipynb(nb, output_path)
            raise

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **options: Any,
    ) -> Any:
        """Execute what Papermill manages; with the arguments of its own engine and the limits of ``Client``."""
        timeout, _ = execution_timeout or options.pop("timeout", None), options.pop("input_path", None)
        with tempfile.TemporaryDirectory(prefix="sp-", dir=_short_folder(), ignore_cleanup_errors=True) as place:
            options |= {"timeout": timeout, "startup_timeout": start_timeout, "log": logger, "place": place}
            return Client(nb_man, kernel_name=kernel_name, **options).execute()


def _short_folder() -> str | None:
    """Where the folders of sockets can be made: the system's choice, unless its name is too long for an address."""
    room = LONGEST_ADDRESS - len("/sp-12345678/k-10")
    return None if sys.platform == "win32" or len(tempfile.gettempdir().encode()) <= room else "/tmp"
