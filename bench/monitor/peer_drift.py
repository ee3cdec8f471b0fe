"""The peer: Evidently's DataDriftPreset over two Parquet files.

    python peer_drift.py REFERENCE CURRENT [NUM_METHOD CAT_METHOD]

Prints JSON: seconds of the report without imports and reading, and the score of each column.
"""

import json
import re
import sys
import time

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
methods = dict(zip(["num_method", "cat_method"], sys.argv[3:5]))
numbers = [name for name in reference.columns if name.startswith("number")]
definition = DataDefinition(
    numerical_columns=numbers,
    categorical_columns=[name for name in reference.columns if name not in numbers],
)
started = time.perf_counter()
started_cpu = time.process_time()
report = Report([DataDriftPreset(**methods)])
result = report.run(
    Dataset.from_pandas(current, data_definition=definition),
    Dataset.from_pandas(reference, data_definition=definition),
).dict()
seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu

scores = {}
for metric in result["metrics"]:
    found = re.match(r"ValueDrift\(column=([^,]+),method=([^,]+),", metric["metric_name"])
    if found is not None:
        scores[found[1]] = {"method": found[2], "score": float(metric["value"])}
print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "scores": scores}))
