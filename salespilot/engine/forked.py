"""Forked kernels as seen by the client: the zygote it started, and one object a kernel that stands for its process."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

MODULES = (
    *(
        "seaborn",
        "matplotlib.backends.backend_svg",
        "salespilot.page",
        "salespilot.charts",
    ),  # with them pandas, matplotlib and every report of the kit
    *("salespilot.report.method", "pyarrow.dataset", "scipy.stats", "scipy.optimize"),
    *("holidays.countries", "utilsforecast.losses"),
    *("narwhals.stable.v2", "narwhals._duckdb.namespace", "narwhals._pandas_like.namespace"),
)
"""What kernels find imported; the second and third lines are what reports would import when they first need it."""
READ_AT_IMPORT = ("PYTHON", "MPL", "MATPLOTLIB", "LD_", "LC_", "LANG", "HOME", "XDG_")
"""Beginnings of the variables that are read at the start or by an import: others may differ from kernel to kernel."""
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
PATIENCE = 60
"""Seconds until a zygote that does not answer is given up (seuil retenu)."""


class ForkedKernel:
    """The process of a forked kernel, with as much of ``subprocess.Popen`` as jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, news: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._news = news

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._hear(0)

    def wait(self) -> int | None:
        """Wait for the end; returns the exit status."""
        return self._hear(None)

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def _hear(self, seconds: float | None) -> int | None:
        if self.returncode is None and _is_ready(self._news, seconds):
            status = _heard(self._news)
            os.close(self._news)
            if status is None:  # the zygote died first: without it nobody would ever know that this one has ended
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.returncode = -signal.SIGKILL if status is None else status
        return self.returncode


class Zygote:
    """A running zygote. One that ends before its first fork is not fit for this machine, and stays useless."""

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str] = MODULES) -> None:
        self.owner = os.getpid()
        self.has_forked = False
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # The backend by name: matplotlib must know it when it is imported, as in a kernel, without importing it.
        backend = {"MPLBACKEND": environment.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py")), str(theirs.fileno()), *modules],
            env={**environment, **ONE_THREAD, **backend},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        atexit.register(self.close)

    @property
    def is_worth_asking(self) -> bool:
        """False for one that has died since it forked kernels: another would serve."""
        return not self.has_forked or self.process.poll() is None

    def fork(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> ForkedKernel | None:
        """A new kernel process started with these arguments of ipykernel; None where it cannot be had."""
        request = {"arguments": arguments, "environment": dict(environment), "folder": folder}
        news, theirs = os.pipe()
        try:
            socket.send_fds(self._link, [json.dumps(request).encode()], [theirs, 1, 2])
        except OSError:  # it has ended, or the environment is too large for one message
            os.close(news)
            return None
        finally:
            os.close(theirs)
        if not _is_ready(news, PATIENCE):
            self.process.kill()
        pid = _heard(news)
        if pid is None:
            os.close(news)
            return None
        self.has_forked = True
        return ForkedKernel(pid, news)

    def close(self) -> None:
        """End it and all its kernels."""
        if self.owner == os.getpid():
            self._link.close()
            if not self.has_forked:  # it may be in the middle of its imports
                self.process.kill()
            self.process.wait()


_lock = threading.Lock()
_zygotes: dict[tuple[int, frozenset[tuple[str, str]]], Zygote] = {}


def fork(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> ForkedKernel | None:
    """A kernel forked from this process's zygote, which is started where there is none; None: start a plain one."""
    if not hasattr(os, "pidfd_open"):  # only Linux has it, and only there is forking known to be safe
        return None
    read = frozenset(item for item in environment.items() if item[0].startswith(READ_AT_IMPORT))
    with _lock:
        zygote = _zygotes.get((os.getpid(), read))
        if not zygote or not zygote.is_worth_asking:
            zygote = _zygotes[os.getpid(), read] = Zygote(environment)
    return zygote.fork(arguments, environment, folder)


def _is_ready(news: int, seconds: float | None) -> bool:
    waiting = select.poll()
    waiting.register(news, select.POLLIN)
    return bool(waiting.poll(None if seconds is None else 1000 * seconds))


def _heard(news: int) -> int | None:
    """The next number from the zygote; None when it has closed the pipe."""
    said = os.read(news, 4)
    return int.from_bytes(said, "little", signed=True) if said else None
