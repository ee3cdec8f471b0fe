import pandas as pd
import pytest

from {{ cookiecutter.package }} import flights


@pytest.fixture(scope="session")
def january() -> pd.DataFrame:
    """The first two weeks of January, as the source has them."""
    return flights.load(pd.Timestamp("2013-01-01", tz="UTC"), pd.Timestamp("2013-01-15", tz="UTC"))
