"""Models that MLflow has saved: real ones of scikit-learn, and one of plain Python."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from impasto.errors import BadInput
from impasto.scorers.mlflow.columns import Columns
from impasto.scorers.mlflow.params import MlflowParams
from impasto.scorers.mlflow.scorer import MlflowScorer
from support.command import call
from support.fake_inputs import Given

if TYPE_CHECKING:
    from collections.abc import Sequence


class Folder(Given):
    def folder(self, url: str) -> Path:
        return Path(url)


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, Any]:
    data = load_iris(as_frame=True)
    return data.data, LogisticRegression(max_iter=500).fit(data.data, data.target)


@pytest.fixture(scope="module")
def saved(iris: tuple[pd.DataFrame, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, model = iris
    path = tmp_path_factory.mktemp("mlflow") / "iris"
    _save(model, path, infer_signature(rows, model.predict(rows)))
    return path


def _save(model: Any, path: Path, signature: ModelSignature | None) -> None:
    mlflow.sklearn.save_model(
        model,
        path,
        signature=signature,
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )


def load(path: Path) -> MlflowScorer:
    return MlflowScorer(MlflowParams(model=str(path)), {}, Folder(), "cpu")


def outputs(scorer: MlflowScorer, rows: pd.DataFrame) -> list[Any]:
    records = scorer.score(rows).records
    assert records is not None
    return [[*each] for each in records]


def test_a_model_scores_rows_as_it_does_itself(saved: Path, iris: tuple[pd.DataFrame, Any]) -> None:
    rows, model = iris
    scorer = load(saved)
    assert scorer.notes == (
        f"{saved}: columns sepal length (cm) double, sepal width (cm) double, petal length (cm) "
        "double, petal width (cm) double",
    )
    expected = [[{"output": int(each)}] for each in model.predict(rows)]
    assert outputs(scorer, rows) == expected
    # Other columns, another order, whole numbers.
    mixed = rows.iloc[:, ::-1].assign(id="x").round().astype(dict.fromkeys(rows.columns, "int64"))
    expected = [[{"output": int(each)}] for each in model.predict(rows.round())]
    assert outputs(scorer, mixed) == expected


def test_a_model_without_a_signature_gets_all_columns(
    tmp_path: Path, iris: tuple[pd.DataFrame, Any]
) -> None:
    rows, model = iris
    _save(model, tmp_path / "bare", None)
    scorer = load(tmp_path / "bare")
    assert scorer.notes == (f"{tmp_path / 'bare'}: has no signature; it is given all columns",)
    assert outputs(scorer, rows[:2]) == [[{"output": 0}], [{"output": 0}]]


def test_a_column_that_the_rows_lack_ends_the_job(
    saved: Path, iris: tuple[pd.DataFrame, Any]
) -> None:
    with pytest.raises(BadInput) as caught:
        load(saved).score(iris[0][["petal width (cm)", "petal length (cm)"]])
    assert str(caught.value) == (
        f"{saved}: takes a column 'sepal length (cm)', which the rows lack; they have petal width "
        "(cm), petal length (cm)"
    )


def schema(*kinds: DataType, required: bool = True) -> Schema:
    return Schema([ColSpec(kind, f"c{n}", required=required) for n, kind in enumerate(kinds)])


@pytest.mark.parametrize(
    ("kind", "values", "expected", "dtype"),
    [
        (DataType.double, pd.Series([1, 2]), [1.0, 2.0], "float64"),
        (DataType.double, pd.Series([1, None], dtype="Int64"), [1.0, None], "float64"),
        (DataType.float, pd.Series(["1.5", "2"]), [1.5, 2.0], "float32"),
        (DataType.long, pd.Series([2**53 + 1, 2], dtype="Int64"), [2**53 + 1, 2], "int64"),
        (DataType.integer, pd.Series([1.0, 2.0]), [1, 2], "int32"),
        (DataType.string, pd.Series([7, 8]), ["7", "8"], "object"),
        (DataType.string, pd.Series(["007", None], dtype="str"), ["007", None], "object"),
        (DataType.string, pd.Series([7, None], dtype="Int64"), ["7", None], "object"),
        (DataType.boolean, pd.Series([True, False], dtype="boolean"), [True, False], "bool"),
    ],
)
def test_columns_come_in_the_signatures_types(
    kind: DataType, values: pd.Series[Any], expected: Sequence[Any], dtype: str
) -> None:
    made = Columns.of(schema(kind), "m").fit(pd.DataFrame({"c0": values}))["c0"]
    assert str(made.dtype) == dtype
    assert pd.NA not in set(made)
    assert [None if pd.isna(each) else each for each in made] == expected


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (DataType.double, "x", "column 'c0' must be double: Unable to parse"),
        (DataType.long, 1.5, "column 'c0' must be long: a value is no such whole number"),
        (DataType.integer, 2**40, "column 'c0' must be integer: a value is no such whole number"),
        (DataType.long, None, "column 'c0' must be long: a value is missing"),
        (DataType.boolean, 3, "column 'c0' must be boolean: a value is neither true nor false"),
    ],
)
def test_a_value_of_another_type_is_its_rows_fault(kind: DataType, value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Columns.of(schema(kind), "m").fit(pd.DataFrame({"c0": [value]}))


def test_a_column_that_may_be_missing_is_left_out() -> None:
    columns = Columns.of(schema(DataType.double, DataType.double, required=False), "m")
    assert [*columns.fit(pd.DataFrame({"c1": [1]})).columns] == ["c1"]


def test_a_tensor_takes_all_columns_and_pictures_are_refused() -> None:
    wide = Schema([TensorSpec(np.dtype("float32"), (-1, 2))])
    made = Columns.of(wide, "m").fit(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    assert made.dtype == np.float32
    assert made.tolist() == [[1, 3], [2, 4]]
    with pytest.raises(
        BadInput, match="takes an array of 2 columns, but the rows have 3, id, a, b"
    ):
        Columns.of(wide, "m").fit(pd.DataFrame({"id": [9], "a": [1], "b": [3]}))
    with pytest.raises(BadInput, match=r"takes tensors of shape \(-1, 8, 8, 3\), not rows"):
        Columns.of(Schema([TensorSpec(np.dtype("float32"), (-1, 8, 8, 3))]), "m")


class Shapes(PythonModel):
    """Makes whatever its first row asks for."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        x = model_input["x"].to_numpy()
        made: dict[int, Any] = {
            0: pd.DataFrame({"a": x, "b": -x}),
            1: {"a": x, "b": [-1.0] * len(x)},
            2: [f"n{each}" for each in x],
            3: np.stack([x, x], axis=1),
            4: x[:-1],
            5: 7,
        }
        return made[x[0]]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (0, [[{"a": 0, "b": 0}], [{"a": 9, "b": -9}]]),
        (1, [[{"a": 1, "b": -1.0}], [{"a": 9, "b": -1.0}]]),
        (2, [[{"output": "n2"}], [{"output": "n9"}]]),
        (3, [[{"output": [3, 3]}], [{"output": [9, 9]}]]),
    ],
)
def test_what_a_model_makes_becomes_records(
    tmp_path: Path, first: int, expected: list[Any]
) -> None:
    mlflow.pyfunc.save_model(tmp_path / "m", python_model=Shapes(), pip_requirements=[])
    scorer = load(tmp_path / "m")
    records = outputs(scorer, pd.DataFrame({"x": [first, 9]}))
    plain = [
        [{k: getattr(v, "tolist", lambda v=v: v)() for k, v in each.items()} for each in item]
        for item in records
    ]
    assert plain == expected
    for wrong in (4, 5):
        with pytest.raises(ValueError, match=r"the model made .* of 2 rows"):
            scorer.score(pd.DataFrame({"x": [wrong, 9]}))


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(BadInput, match="holds no MLmodel; name a folder that MLflow has saved"):
        load(tmp_path)
    text = (saved / "MLmodel").read_text()
    (tmp_path / "MLmodel").write_text(text.replace("python_function", "other"))
    with pytest.raises(BadInput, match="has no flavour python_function"):
        load(tmp_path)
    (tmp_path / "MLmodel").write_text("flavors: [")
    with pytest.raises(BadInput, match=r"its MLmodel cannot be read: .*; save the model again"):
        load(tmp_path)


def test_a_package_that_a_flavour_needs_is_named(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "cloudpickle":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadInput) as caught:
        load(saved)
    assert str(caught.value) == (
        f"{saved}: its flavour sklearn needs cloudpickle, which is not installed; install what its "
        "requirements.txt lists"
    )


def test_a_job_sets_rows_aside_that_do_not_fit(
    saved: Path, iris: tuple[pd.DataFrame, Any], tmp_path: Path
) -> None:
    rows, model = iris
    source = tmp_path / "rows.csv"
    table = rows[:6].astype(object).assign(id=[f"0{n}" for n in range(6)])
    table.iloc[2, 0] = "long"
    table.to_csv(source, index=False)
    done = call(
        *("run", source, "-o", tmp_path / "o.csv", "--home", tmp_path / "home"),
        *("--scorer", f"mlflow:{saved}", "--keep", "id", "--max-failed", 1),
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "o.csv").open() as file:
        made = [*csv.DictReader(file)]
    assert [row["id"] for row in made] == ["00", "01", "03", "04", "05"]
    expected = np.delete(model.predict(rows[:6]), 2)
    assert [row["output"] for row in made] == [str(each) for each in expected]
