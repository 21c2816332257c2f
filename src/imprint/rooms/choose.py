"""Choose documents by a hash of their key, for a build that only tries things out.

The hash is another than those that splits and shards go by: documents with a low one are no more of
one split than of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.digests import hash64

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def document_hashes(documents: pa.Array) -> npt.NDArray[np.uint64]:
    """Return the 64-bit number by which each document is chosen.

    Args:
        documents: the key of each.
    """
    import pyarrow.compute as pc

    keys = pc.binary_join_element_wise("sample\0", documents, "")
    numbers: npt.NDArray[np.uint64] = hash64(keys).to_numpy()
    return numbers


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
