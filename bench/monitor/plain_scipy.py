"""The same statistics as ours in as little Python as it takes: scipy and numpy, one thread.

    python plain_scipy.py REFERENCE CURRENT

Prints JSON: seconds with reading the Parquet files, as ours.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import distance


def filled(shares):
    least = shares[shares > 0].min()
    return np.where(shares == 0, least / 1e6 if least <= 0.0001 else 0.0001, shares)


def of_shares(p, q):
    a, b = filled(p), filled(q)
    return {"psi": float(np.sum((a - b) * np.log(a / b))), "jensenshannon": float(distance.jensenshannon(p, q))}


def numeric(r, c):
    edges = np.histogram_bin_edges(np.concatenate([r, c]), bins="sturges")
    ks = stats.ks_2samp(r, c)
    return {
        "ks": [float(ks.statistic), float(ks.pvalue)],
        "wasserstein": float(stats.wasserstein_distance(r, c) / max(np.std(r), 0.001)),
        **of_shares(np.histogram(r, edges)[0] / len(r), np.histogram(c, edges)[0] / len(c)),
    }


def categorical(r, c):
    counts = pd.concat([r.value_counts(), c.value_counts()], axis=1).fillna(0).to_numpy().T
    both = stats.chi2_contingency(counts, correction=False)
    return {"homogeneity": [float(both.statistic), float(both.pvalue)], **of_shares(counts[0] / len(r), counts[1] / len(c))}


started, started_cpu = time.perf_counter(), time.process_time()
reference, current = (pd.read_parquet(path, use_threads=False) for path in sys.argv[1:3])
answers = {}
for name in reference.columns:
    before, now = reference[name].dropna(), current[name].dropna()
    answers[name] = numeric(before.to_numpy(), now.to_numpy()) if name.startswith("number") else categorical(before, now)
print(json.dumps({"seconds": time.perf_counter() - started, "cpuSeconds": time.process_time() - started_cpu, "answers": answers}))
