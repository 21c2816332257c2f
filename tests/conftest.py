"""Keeps the tests to themselves: caches of their own, no network, no bars."""

from __future__ import annotations

import os
import tempfile

# Read by huggingface_hub and datasets when they are imported, so before any test is.
_HOME = tempfile.TemporaryDirectory(prefix="imprint-tests-")
os.environ |= {
    "HF_HOME": f"{_HOME.name}/hf",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "XDG_CACHE_HOME": f"{_HOME.name}/cache",
}
os.environ.pop("HF_TOKEN", None)
