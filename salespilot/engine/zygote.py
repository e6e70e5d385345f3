"""The process that kernels are forked from: the libraries of a report imported once, then one fork a notebook.

A kernel spends more time on its imports than a short report on its cells; a fork has them for nothing, and is a
process of its own all the same: nothing that one notebook does is seen by the next. Run as a script, never imported:
``python zygote.py FD MODULE...``, where FD is a SEQPACKET socket. A request is a JSON object (``arguments`` of
ipykernel, ``environment``, ``folder``) with three descriptors: a pipe for news, and the kernel's stdout and stderr.
The news are two numbers of four bytes: the kernel's process id, then its exit status; none where no kernel can be
had. When the socket closes, everything ends.

Three rules make the fork safe. Modules are imported and nothing is computed: what computes starts threads, and a
fork copies the locks that threads hold but not the threads. The threads that are there are looked at before each
fork; where one is not known to be harmless nothing is forked, and the client starts plain kernels. And
``matplotlib_inline`` is not imported here: it hooks itself into the running IPython when it is, and no figure of any
kernel would be shown.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

HARMLESS = {"jemalloc_bg_thd"}
"""pyarrow's; its allocator has handlers for fork."""
REQUEST_BYTES = 1 << 20


def main() -> None:
    """Import, then serve; what is forked becomes a kernel."""
    sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]
    link = socket.socket(fileno=int(sys.argv[1]))
    os.close(os.pidfd_open(os.getpid()))  # a system without it must fail here, not when kernels run
    _load(sys.argv[2:])
    gc.collect()
    gc.freeze()  # else the first collection in a kernel would copy every page it shares with this process
    request = _serve(link)
    _become_kernel(**request)


def _load(modules: list[str]) -> None:
    # A debugger that nobody can attach to takes a kernel 0.1 s; cells may still import it.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    for name in ("ipykernel.debugger", "ipykernel.ipkernel", "ipykernel.kernelapp"):
        import_module(name)
    del sys.modules["debugpy"]
    for name in modules:
        with suppress(ImportError):  # whoever needs it will be told in a cell
            import_module(name)


def _serve(link: socket.socket) -> dict[str, Any]:
    """Answer requests until the client is gone; in the child of a fork, return the request."""
    kernels: dict[int, tuple[int, int]] = {}  # descriptor of the process → its id, the pipe for its news
    ready = select.poll()
    ready.register(link, select.POLLIN)
    while True:
        for descriptor, _ in ready.poll():
            if descriptor in kernels:
                ready.unregister(descriptor)
                pid, news = kernels.pop(descriptor)
                _tell(news, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                _close(news, descriptor)
                continue
            message, passed, _, _ = socket.recv_fds(link, REQUEST_BYTES, 3)
            if not message:
                for pid, _ in kernels.values():
                    with suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                os._exit(0)
            news, *streams = passed
            forked = _fork()
            if forked == 0:
                link.close()
                _close(news, *kernels, *(pipe for _, pipe in kernels.values()))
                return json.loads(message) | {"streams": streams}
            _close(*streams)
            if forked is None:
                os.close(news)
                continue
            _tell(news, forked)
            process = os.pidfd_open(forked)
            kernels[process] = forked, news
            ready.register(process, select.POLLIN)


def _fork() -> int | None:
    """``os.fork``, or None where it is not safe or the system has no room."""
    with suppress(OSError):
        return None if _has_strangers() else os.fork()
    return None


def _has_strangers() -> bool:
    others = (task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid()))
    return any((task / "comm").read_text().strip() not in HARMLESS for task in others)


def _tell(news: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody waits for this kernel any more
        os.write(news, number.to_bytes(4, "little", signed=True))


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _become_kernel(arguments: list[str], environment: dict[str, str], folder: str, streams: list[int]) -> None:
    """Be what ``python -m ipykernel_launcher`` would be, started by the client in that folder and environment."""
    parent = os.getppid()
    os.setsid()
    for stream, place in zip(streams, (1, 2), strict=True):
        os.dup2(stream, place)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(parent))
    time.tzset()
    if "numpy" in sys.modules:  # Python's own generator is seeded anew by a fork, numpy's is not
        sys.modules["numpy"].random.seed()
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={parent}"]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    # The usual end, without freeing every object: that would copy all that is shared, to throw it away.
    atexit._run_exitfuncs()
    os._exit(0)


if __name__ == "__main__":
    main()
