import gzip
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ai_patterns.clients.sources import open_source
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.spec.sources import SourceSpec

CSV = "id,size,note\na,1,NA\nb,NA,fine\n"
ROWS = [{"id": "a", "size": 1, "note": None}, {"id": "b", "size": None, "note": "fine"}]


def read(folder: Path, **spec: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = open_source("things", SourceSpec.model_validate(spec), folder).read().to_pylist()
    return rows


def write_zip(file: Path, text: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("things.csv", text)


def test_csv_plain_zipped_and_gzipped_read_alike(tmp_path: Path) -> None:
    (tmp_path / "things.csv").write_text(CSV)
    write_zip(tmp_path / "things.csv.zip", CSV)
    (tmp_path / "things.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    for name in ("things.csv", "things.csv.zip", "things.csv.gz"):
        assert read(tmp_path, path=name) == ROWS


def test_a_package_is_found_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('cannot be imported')")
    (package / "things.csv").write_text(CSV)
    monkeypatch.syspath_prepend(tmp_path)
    assert read(tmp_path, package="broken_package", path="things.csv") == ROWS
    assert "broken_package" not in sys.modules


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailableError, match=r"'things'.*'no_such_package' is not installed"):
        read(tmp_path, package="no_such_package", path="things.csv")


def test_declared_nulls_replace_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "things.csv").write_text("id\nNA\n-\n")
    assert read(tmp_path, path="things.csv", nulls=["-"]) == [{"id": "NA"}, {"id": None}]


def test_declared_types_overrule_the_guess_and_yield_to_values_of_another_type(tmp_path: Path) -> None:
    (tmp_path / "things.csv").write_text("code,size\n007,1\n")
    assert read(tmp_path, path="things.csv", types={"code": "string"}) == [{"code": "007", "size": 1}]
    (tmp_path / "things.csv").write_text("code,size\n007,many\n")
    assert read(tmp_path, path="things.csv", types={"size": "integer"}) == [{"code": 7, "size": "many"}]


def test_the_type_is_guessed_from_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "things.csv").write_text("size\n" + "1\n" * 1_000_000 + "many\n")
    table = open_source("things", SourceSpec(path="things.csv"), tmp_path).read()
    assert table["size"].type == pa.string()


def test_a_glob_reads_parquet_files_in_order_of_their_names(tmp_path: Path) -> None:
    for name, value in (("b", 2), ("a", 1)):
        pq.write_table(pa.table({"x": [value]}), tmp_path / f"{name}.parquet")
    assert read(tmp_path, path="*.parquet") == [{"x": 1}, {"x": 2}]


def test_an_override_stands_in_for_the_source(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["z"]}), tmp_path / "faulty.parquet")
    source = open_source("things", SourceSpec(path="things.csv"), tmp_path, override=str(tmp_path / "faulty.parquet"))
    assert source.read().to_pylist() == [{"id": "z"}]


def test_a_missing_file_is_away_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailableError, match=r"'things'.*nowhere\.csv"):
        read(tmp_path, path="nowhere.csv")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(ServiceRejectedError, match=r"broken\.parquet"):
        read(tmp_path, path="broken.parquet")


def test_the_signature_changes_with_the_content(tmp_path: Path) -> None:
    file = tmp_path / "things.csv"
    file.write_text(CSV)
    source = open_source("things", SourceSpec(path="things.csv"), tmp_path)
    before = source.signature()
    assert source.signature() == before
    file.write_text(CSV + "c,3,\n")
    assert source.signature() != before


def test_a_query_runs_on_its_connection(tmp_path: Path) -> None:
    asked = []

    def read_query(conn_id: str, sql: str) -> pa.Table:
        asked.append((conn_id, sql))
        return pa.table({"x": [1]})

    spec = SourceSpec(query="SELECT x FROM t", conn_id="warehouse")
    assert open_source("things", spec, tmp_path, read_query=read_query).read().num_rows == 1
    assert asked == [("warehouse", "SELECT x FROM t")]


def test_a_failing_query_names_its_connection(tmp_path: Path) -> None:
    def read_query(conn_id: str, sql: str) -> pa.Table:
        raise ConnectionError(f"refused: {conn_id} {sql}")

    spec = SourceSpec(query="SELECT 1", conn_id="warehouse")
    with pytest.raises(ServiceUnavailableError, match="refused") as caught:
        open_source("things", spec, tmp_path, read_query=read_query).read()
    assert caught.value.conn_id == "warehouse"
    with pytest.raises(ServiceUnavailableError, match="'warehouse'"):
        open_source("things", spec, tmp_path).read()
