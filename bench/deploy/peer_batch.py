"""Scores a Parquet file with the pickled model, block after block, as one would write it by hand.

    python peer_batch.py MODEL_FILE ROWS_FILE OUTPUT_FILE
"""

import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

with open(sys.argv[1], "rb") as file:
    model = pickle.load(file)
writer, first = None, 0
for batch in pq.ParquetFile(sys.argv[2]).iter_batches(65_536):
    rows = np.column_stack([column.to_numpy() for column in batch.columns])
    probabilities = model.predict_proba(rows)
    table = pa.table(
        {
            "row": np.arange(first, first + len(rows)),
            "prediction": model.classes_[probabilities.argmax(axis=1)],
            **{f"probability_{label}": probabilities[:, index] for index, label in enumerate(model.classes_)},
        }
    )
    writer = writer or pq.ParquetWriter(sys.argv[3], table.schema, compression="zstd")  # of level 1, as ours
    writer.write_table(table)
    first += len(rows)
writer.close()
