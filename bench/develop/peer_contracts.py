"""The peers: Great Expectations and pandera, with the seven rules of contracts.ts over one Parquet file.

    python peer_contracts.py great-expectations|pandera FILE

Prints JSON: seconds and processor seconds of reading and validating, without imports, and whether each rule holds.
"""

import json
import sys
import time

tool, path = sys.argv[1:3]
statuses = ["new", "paid", "sent", "returned"]
pattern = r"^[A-Z]{2}-\d{7}$"
fewest, most = 1000, 5_000_000
share = 0.05


def with_great_expectations():
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    rules = {
        "customer.required": gxe.ExpectColumnValuesToNotBeNull(column="customer"),
        "id.unique": gxe.ExpectColumnValuesToBeUnique(column="id"),
        "amount.range": gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=5000),
        "status.enum": gxe.ExpectColumnValuesToBeInSet(column="status", value_set=statuses),
        "code.pattern": gxe.ExpectColumnValuesToMatchRegex(column="code", regex=pattern),
        "rows": gxe.ExpectTableRowCountToBeBetween(min_value=fewest, max_value=most),
        "discount.share": gxe.ExpectColumnValuesToNotBeNull(column="discount", mostly=1 - share),
    }

    def validate():
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        batch = (
            context.data_sources.add_pandas("orders")
            .add_dataframe_asset("orders")
            .add_batch_definition_whole_dataframe("all")
            .get_batch({"dataframe": pd.read_parquet(path)})
        )
        suite = gx.ExpectationSuite(name="orders", expectations=list(rules.values()))
        results = batch.validate(suite).results
        found = {(one.expectation_config.type, one.expectation_config.kwargs.get("column")): one for one in results}
        return {
            name: {
                "passed": bool(one.success),
                "bad": one.result.get("unexpected_count"),
            }
            for name, rule in rules.items()
            for one in [found[(rule.expectation_type, getattr(rule, "column", None))]]
        }

    return validate


def with_pandera():
    import pandas as pd
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {
            "id": pa.Column("int64", unique=True),
            "amount": pa.Column("float64", pa.Check.in_range(0, 5000), nullable=True),
            "status": pa.Column(str, pa.Check.isin(statuses), nullable=True),
            "code": pa.Column(str, pa.Check.str_matches(pattern), nullable=True),
            "discount": pa.Column(
                "float64",
                pa.Check(lambda column: column.isna().mean() <= share, ignore_na=False, name="share"),
                nullable=True,
            ),
            "customer": pa.Column("Int64", nullable=False),
        },
        checks=pa.Check(lambda table: fewest <= len(table) <= most, name="rows"),
    )
    names = {
        ("customer", "not_nullable"): "customer.required",
        ("id", "field_uniqueness"): "id.unique",
        ("amount", "in_range(0, 5000)"): "amount.range",
        ("status", f"isin({statuses})"): "status.enum",
        ("code", f"str_matches('{pattern}')"): "code.pattern",
        (None, "rows"): "rows",
        ("discount", "share"): "discount.share",
    }

    def validate():
        answer = {name: {"passed": True, "bad": 0} for name in names.values()}
        try:
            schema.validate(pd.read_parquet(path), lazy=True)
        except pa.errors.SchemaErrors as broken:
            for (column, check), cases in broken.failure_cases.groupby(["column", "check"], dropna=False):
                answer[names[(column, check)]] = {"passed": False, "bad": len(cases)}
        return answer

    return validate


validate = with_pandera() if tool == "pandera" else with_great_expectations()
started, started_cpu = time.perf_counter(), time.process_time()
rules = validate()
seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "rules": rules}))
