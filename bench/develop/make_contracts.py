"""Orders for contracts to be held against, as pandas writes them.

    python make_contracts.py FOLDER ROWS

Makes clean.parquet and dirty.parquet, which is the same but for a few bad rows.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(6)
numbers = random.permutation(rows)
letters = np.array([f"{a}{b}" for a in "ABCDEFGHKM" for b in "NPRSTVWXYZ"], dtype=object)
clean = pd.DataFrame(
    {
        # numbers as a database gives them out, with gaps, in no order
        "id": numbers.astype("int64") * 7 + 1_000_000,
        "amount": np.round(random.gamma(2.0, 40.0, rows), 2),
        "status": random.choice(np.array(["new", "paid", "sent", "returned"], dtype=object), rows),
        "code": letters[numbers % 100] + pd.Series(numbers).map("-{:07d}".format).to_numpy(dtype=object),
        "discount": np.where(random.random(rows) < 0.03, np.nan, np.round(random.random(rows), 3)),
        "customer": pd.array(random.integers(0, rows // 10, rows), dtype="Int64"),
    }
)
clean.to_parquet(folder / "clean.parquet", index=False)

dirty = clean.copy()
bad = random.choice(rows, 40, replace=False)
dirty.loc[bad[:5], "id"] = clean.loc[bad[5:10], "id"].to_numpy()
dirty.loc[bad[10:17], "amount"] = -1.0
dirty.loc[bad[17:20], "status"] = "lost"
dirty.loc[bad[20:31], "code"] = "an-0000001"
dirty.loc[bad[31:40], "customer"] = pd.NA
dirty.to_parquet(folder / "dirty.parquet", index=False)
