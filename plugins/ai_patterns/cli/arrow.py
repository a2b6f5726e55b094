"""Arrow without pandas, for commands that people wait for."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError("left out for now", name=fullname)


def load_arrow() -> None:
    """Load Arrow, and let it look for pandas in vain.

    Arrow imports pandas before it makes its first value, to know a data frame where it is given one; that takes a third
    of a second. It looks once, and again only where it is asked to make a data frame. A process that has Arrow or
    pandas already may have data frames too, and stays as it is.
    """
    if {"pyarrow", "pandas"} & sys.modules.keys():
        return
    without = _NoPandas()
    sys.meta_path.insert(0, without)
    try:
        import pyarrow as pa

        pa.scalar(True)
    finally:
        sys.meta_path.remove(without)
