"""Records are shown by pages, each with its item, and failed items with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.driver.api import run
from support.jobs import spec
from support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
def run(mini_batch):
    if 5 in list(mini_batch["x"]):
        raise ValueError("not 5")
    return [{"twice": 2 * x, "odd": float("inf")} for x in mini_batch["x"]]
"""


def test_records_are_paged_in_order_and_failed_items_listed(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    script, source = tmp_path / "score.py", serving.media / "a.csv"
    script.write_text(SCRIPT)
    source.write_text("x\n" + "".join(f"{n}\n" for n in range(30)))
    job = run(
        spec(source, serving.made / "a.csv", scorer=f"script:{script}", max_failed=1),
        settings=serving.context.settings,
    ).job
    client, url = serving.client("viewer"), f"/v1/jobs/{job}/records"
    rows: list[dict[str, Any]] = []
    items: list[int] = []
    cursor, pages = "", 0
    while cursor or not pages:
        page = client.get(url, params={"limit": 8, "cursor": cursor}).json()
        rows, items = rows + page["rows"], items + page["items"]
        cursor, pages = page["next"], pages + 1
        assert (page["columns"], page["total"]) == (["item", "twice", "odd"], 29)
    assert pages == 4
    assert items == [n for n in range(30) if n != 5]
    assert [row["twice"] for row in rows] == [2 * n for n in items]
    assert {row["odd"] for row in rows} == {None}
    assert client.get(url, params={"cursor": "x"}).status_code == 422
    (failed,) = client.get(f"/v1/jobs/{job}/failed").json()["items"]
    assert (failed["error"]["item"], failed["picture"]) == (5, False)
    assert "not 5" in failed["error"]["error"]
    assert client.get(f"/v1/jobs/{job}/result").content == (serving.made / "a.csv").read_bytes()


def test_a_large_array_is_shown_in_a_few_words(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    module, source = tmp_path / "wide.py", serving.media / "a.csv"
    module.write_text(
        "import numpy as np\n\n\nclass Wide:\n    def score(self, batch):\n"
        "        return [np.zeros((50, 80), 'float32') for _ in range(len(batch))]\n"
    )
    source.write_text("x\n1\n2\n")
    job = spec(source, serving.made / "a.parquet", scorer=f"python:{module}:Wide")
    result = run(job, settings=serving.context.settings)
    rows = serving.client("viewer").get(f"/v1/jobs/{result.job}/records").json()["rows"]
    assert rows == [{"item": n, "output": "float32 array of 50 x 80"} for n in range(2)]


def test_the_files_of_a_folder_of_arrays_are_not_one_result(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    module, source = tmp_path / "wide.py", serving.media / "a.csv"
    module.write_text("class Wide:\n    def score(self, batch):\n        return batch.to_numpy()\n")
    source.write_text("x\n1\n2\n")
    job = spec(source, serving.made / "arrays", scorer=f"python:{module}:Wide", frames="npy")
    result, client = run(job, settings=serving.context.settings), serving.client("viewer")
    answer = client.get(f"/v1/jobs/{result.job}/result")
    assert answer.status_code == 404
    assert "its output is a folder" in answer.text
    assert client.get(f"/v1/jobs/{result.job}").json()["output_kind"] == "arrays"
