"""Where a test plays the world; the real module has nothing like it.

The knobs lie in a JSON file that FAKE_TENSORRT names, so that they hold in the processes of a program too.
"""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path
from typing import Any


class Bench:
    """Everything outside the program.

    Knobs:
        version: of TensorRT.
        arch: of the GPU; empty: there is none that can be used.
        import_error: importing fails with this.
        build_fails: the builder says this and gives no plan.
        hold: the builder waits in its third step until this file is there.
        deaf: while it waits it asks no monitor.
        die: the building process ends by this signal in its third step.
        refuse: calls that fail, by name.
        plans_load: False: no plan loads.
        crooked: every answer is off by this much, as that of a TensorRT with a fault in it.
        load_fails: no plan loads, and this is said.
        crash_at_exit: the process crashes where the interpreter ends, as with libraries that are unloaded too late.

    Attributes:
        faults: what would crash or corrupt a real program, in words; empty in a sound one.
        builds: how often this process has built.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.builds = 0

    def knob(self, name: str, otherwise: Any = None) -> Any:
        """Look at a knob now."""
        path = os.environ.get("FAKE_TENSORRT")
        try:
            return json.loads(Path(path).read_text()).get(name, otherwise) if path else otherwise
        except FileNotFoundError:
            return otherwise

    def refuses(self, call: str) -> bool:
        return call in self.knob("refuse", [])

    @property
    def version(self) -> str:
        return str(self.knob("version", "10.3.0"))

    @property
    def arch(self) -> str:
        return str(self.knob("arch", "sm87"))

    @property
    def gpu(self) -> Any:
        """The fake GPU, which jetson-utils and TensorRT share."""
        from jetson_utils_python import bench as other

        return other.gpu


bench = Bench()

if bench.knob("import_error"):
    raise ImportError(bench.knob("import_error"))
if bench.knob("crash_at_exit"):
    atexit.register(os.abort)
