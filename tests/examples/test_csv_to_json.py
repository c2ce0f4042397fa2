import csv
import json
from typing import Any

import pytest

from support.examples import EXAMPLES, import_file

FOLDER = EXAMPLES / "csv-to-json"
app = import_file(FOLDER / "src" / "app.py")


def convert(text: str, **more: str) -> Any:
    return json.loads(json.dumps(app.handler({"csv": text, **more}, None)))


@pytest.fixture(scope="module")
def orders() -> Any:
    return convert((FOLDER / "orders.csv").read_bytes().decode())


def test_every_line_of_the_real_file_becomes_a_row(orders: Any) -> None:
    assert len(orders["rows"]) == orders["summary"]["rows"] == 204


def test_a_row_of_the_real_file_has_typed_values(orders: Any) -> None:
    assert orders["rows"][2] == {
        "order": 20419,
        "date": "2026-03-05",
        "customer": "Björn Åkesson",
        "postcode": "08001",
        "city": "Barcelona",
        "country": "ES",
        "product": "Bread knife 20 cm",
        "quantity": 12,
        "unit price": 24.9,
        "discount %": None,
        "paid": False,
        "note": "Grüße an Oma!",
    }


def test_no_cell_of_the_real_file_is_lost(orders: Any) -> None:
    with (FOLDER / "orders.csv").open(encoding="utf-8", newline="") as file:
        for read, row in zip(csv.DictReader(file), orders["rows"], strict=True):
            assert row["customer"] == read["customer"]
            assert row["product"] == read["product"]
            assert (row["note"] or "") == read["note"]
            assert row["quantity"] == int(read["quantity"])


def test_the_real_file_has_what_makes_csv_hard() -> None:
    raw = (FOLDER / "orders.csv").read_bytes()
    assert raw.count(b"\r\n") >= 205
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert '"O\'Brien, Sinéad"' in raw.decode()
    assert '"Desk lamp ""Ålborg"""' in raw.decode()
    assert b"office,\r\nparcel" in raw


def test_the_summary_describes_each_column(orders: Any) -> None:
    columns = orders["summary"]["columns"]
    assert columns["quantity"] == {"type": "integer", "empty": 0, "min": 1, "max": 12, "sum": 670}
    assert columns["unit price"] == {"type": "number", "empty": 0, "min": 7.9, "max": 89.0, "sum": 6427.7}
    assert columns["postcode"] == {"type": "text", "empty": 0, "different": 14}
    assert columns["paid"] == {"type": "boolean", "empty": 0}
    assert columns["discount %"]["empty"] == 105


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", ""], [1, -2, None]),
        (["1", "2.50"], [1.0, 2.5]),
        (["01067", "80331"], ["01067", "80331"]),
        (["yes", "No", "TRUE"], [True, False, True]),
        (["1", "two"], ["1", "two"]),
        (["", ""], [None, None]),
        (["1e5"], ["1e5"]),
    ],
)
def test_a_column_gets_the_narrowest_type_that_fits_all_its_cells(
    cells: list[str], values: list[Any]
) -> None:
    text = "n,other\r\n" + "".join(f"{cell},x\r\n" for cell in cells)
    assert [row["n"] for row in convert(text)["rows"]] == values


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert convert("\ufeffa,b\n1,2\n")["rows"] == [{"a": 1, "b": 2}]


def test_the_delimiter_can_be_chosen() -> None:
    assert convert("a;b\n1,5;2\n", delimiter=";")["rows"] == [{"a": "1,5", "b": 2}]


def test_a_header_alone_gives_no_rows() -> None:
    assert convert("a,b\n") == {
        "rows": [],
        "summary": {
            "rows": 0,
            "columns": {name: {"type": "text", "empty": 0, "different": 0} for name in "ab"},
        },
    }


def test_a_row_of_another_length_is_refused_by_number() -> None:
    with pytest.raises(ValueError, match="row 2 has 3 cells, the header has 2"):
        convert("a,b\n1,2\n1,2,3\n")
