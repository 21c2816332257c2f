"""Choose documents by a hash of their key, for a build that only tries things out.

The hash is another than those that splits and shards go by: documents with a low one are no more of
one split than of another.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def document_hashes(documents: pa.Array) -> npt.NDArray[np.uint64]:
    """Return the 64-bit number by which each document is chosen.

    Args:
        documents: the key of each.
    """
    import numpy as np

    keys = (each.as_buffer() for each in documents)
    digests = [hashlib.sha256(b"sample\0" + key).digest()[:8] for key in keys]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def choose(batch: pa.RecordBatch, most: int | None) -> pa.RecordBatch:
    """Leave out the records of documents that are not chosen.

    Args:
        batch: n records. Reads `_document`.
        most: the highest number that is chosen; None: all are.

    Returns:
        The records whose documents are chosen, in the same order.
    """
    import numpy as np
    import pyarrow as pa

    if most is None:
        return batch
    return batch.filter(pa.array(document_hashes(batch["_document"]) <= np.uint64(most)))
