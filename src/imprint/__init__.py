"""Turn a folder of raw text into a dataset that people can stand behind.

    import imprint
    imprint.load("csto-news")                      # a datasets.DatasetDict
    project = imprint.Project.open("path")
    built = imprint.build(project, workers=2)

Everything is imported on first use, so `import imprint` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imprint.catalog import load
    from imprint.compare import Diff, diff
    from imprint.errors import (
        DatasetError,
        Fault,
        HubError,
        ImprintError,
        MachineError,
        ProjectError,
        RawError,
        RefusedError,
        UsageError,
    )
    from imprint.hub import Pushed
    from imprint.press import Build, Checked, build, check
    from imprint.project import Project
    from imprint.rebuild import Verified, verify
    from imprint.ship import push, wheel
    from imprint.typos import Proposal, Suggested, suggest

__version__ = "0.1.0"

_HOMES = {
    "Build": "press",
    "Checked": "press",
    "DatasetError": "errors",
    "Diff": "compare",
    "Fault": "errors",
    "HubError": "errors",
    "ImprintError": "errors",
    "MachineError": "errors",
    "Project": "project",
    "ProjectError": "errors",
    "Proposal": "typos",
    "Pushed": "hub",
    "RawError": "errors",
    "RefusedError": "errors",
    "Suggested": "typos",
    "UsageError": "errors",
    "Verified": "rebuild",
    "build": "press",
    "check": "press",
    "diff": "compare",
    "load": "catalog",
    "push": "ship",
    "suggest": "typos",
    "verify": "rebuild",
    "wheel": "ship",
}

__all__ = [
    "Build",
    "Checked",
    "DatasetError",
    "Diff",
    "Fault",
    "HubError",
    "ImprintError",
    "MachineError",
    "Project",
    "ProjectError",
    "Proposal",
    "Pushed",
    "RawError",
    "RefusedError",
    "Suggested",
    "UsageError",
    "Verified",
    "build",
    "check",
    "diff",
    "load",
    "push",
    "suggest",
    "verify",
    "wheel",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module, the first time that it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imprint' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"imprint.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
