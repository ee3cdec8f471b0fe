"""Computes the performance history again with scikit-learn, from the prediction log itself.

python check_performance.py HOME MODEL TRUTH.parquet HISTORY.json

Reads the Parquet files of the prediction log with pyarrow and the truth from the file that was replayed, so that nothing
of tilth's own arithmetic or of its labels is used. Which files count is said by the manifest in the database: one that was
merged into another stays on disk for a moment. HISTORY.json: a list of {version, variant, windowStart, windowEnd (ms),
count, auc, brier}. Prints one JSON object: windows compared, rows, largest differences, predictions logged twice.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from sklearn.metrics import brier_score_loss, roc_auc_score


def logged(home: Path, model: str) -> pd.DataFrame:
    with closing(sqlite3.connect(f"{(home / 'tilth.db').as_uri()}?mode=ro", uri=True)) as database:
        paths = database.execute("SELECT path FROM prediction_part WHERE model = ?", [model]).fetchall()
    files = [str(home / "predictions" / "parquet" / path) for (path,) in paths]
    columns = ["key", "event_ts", "version", "variant", "proba_1"]
    return ds.dataset(files, format="parquet").to_table(columns=columns).to_pandas()


def main(home: str, model: str, truth_file: str, history_file: str) -> None:
    # questions without a key, such as those of the checking clients, are no flights
    log = logged(Path(home), model).dropna(subset=["key"])
    twice = int(log.duplicated(["key", "version", "variant"]).sum())
    truth = pq.read_table(truth_file, columns=["id", "late"]).to_pandas().dropna()
    joined = log.merge(truth, left_on="key", right_on="id")
    joined["at"] = pd.to_datetime(joined["event_ts"], utc=True).astype("datetime64[ms, UTC]").astype("int64")
    with open(history_file, encoding="utf-8") as file:
        history = json.load(file)
    rows, auc_error, brier_error, count_error = 0, 0.0, 0.0, 0
    for window in history:
        inside = joined[
            (joined["version"] == window["version"])
            & (joined["variant"] == window["variant"])
            & (joined["at"] >= window["windowStart"])
            & (joined["at"] < window["windowEnd"])
        ]
        rows += len(inside)
        count_error = max(count_error, abs(len(inside) - window["count"]))
        auc_error = max(auc_error, abs(roc_auc_score(inside["late"], inside["proba_1"]) - window["auc"]))
        brier_error = max(brier_error, abs(brier_score_loss(inside["late"], inside["proba_1"]) - window["brier"]))
    print(
        json.dumps(
            {
                "windows": len(history),
                "rows": rows,
                "maxCountDifference": count_error,
                "maxAucDifference": auc_error,
                "maxBrierDifference": brier_error,
                "predictionsLogged": len(log),
                "loggedTwice": twice,
                "flightsWithArrival": len(truth),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
