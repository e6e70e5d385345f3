"""How a kernel process comes to be: forked where that is to be had, started as ever where it is not.

The rest of a kernel's life (channels, interrupts, shutdown) is jupyter_client's own.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from salespilot.engine import forked

POLL = 0.005
"""Seconds between two looks at a process that is to end; jupyter_client's own 0.1 is felt with each notebook."""
LAUNCHER = "ipykernel_launcher"


class Provisioner(LocalProvisioner):
    """A LocalProvisioner whose Python kernels are forked."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel; a kernel of another interpreter or language, or without a zygote, is started as ever."""
        if cmd[0] == sys.executable and LAUNCHER in cmd:
            arguments = cmd[cmd.index(LAUNCHER) + 1 :]
            folder = str(kwargs.get("cwd") or Path.cwd())
            process: Any = forked.fork(arguments, kwargs["env"], folder)
            if process:
                self.process, self.pid, self.pgid, self.cwd = process, process.pid, process.pid, folder
                return self.connection_info
            self.log.info("No kernel can be forked here: a plain one is started, which takes about a second more.")
        return await super().launch_kernel(cmd, **kwargs)

    async def wait(self) -> int | None:
        """The exit status, looked for often."""
        while self.process and await self.poll() is None:
            await asyncio.sleep(POLL)
        return await super().wait()
