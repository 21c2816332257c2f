"""The Hub: publish what a build left as one commit, and fetch what a commit holds.

publish.py   look, plan, send, look again
plan.py      what one commit would do; pure
snapshot.py  fetch a commit's files into the Hub's cache
remote.py    the repository over the wire: time limits, repetitions, plain errors
"""

from imprint.hub.plan import PushedFile, read_listing
from imprint.hub.publish import Pushed, PushOptions, StillOnline, push
from imprint.hub.remote import Remote
from imprint.hub.snapshot import fetch

__all__ = [
    "PushOptions",
    "Pushed",
    "PushedFile",
    "Remote",
    "StillOnline",
    "fetch",
    "push",
    "read_listing",
]
