"""Keeps the tests to themselves: caches of their own, no network, no bars."""

from __future__ import annotations

import os
import tempfile

from hypothesis import settings

# Read by huggingface_hub and datasets when they are imported, so before any test is.
_HOME = tempfile.TemporaryDirectory(prefix="imprint-tests-")
os.environ |= {
    "HF_HOME": f"{_HOME.name}/hf",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "XDG_CACHE_HOME": f"{_HOME.name}/cache",
}
os.environ.pop("HF_TOKEN", None)

# No test is timed; the gate draws the same examples every time, a developer's machine new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("gate", deadline=None, derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "here")
