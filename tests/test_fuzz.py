"""Malformed light curves, thousands of them: each gives a sound result or an error of ours.

An error of ours is a ValueError or TypeError that the package (or a validator of scikit-learn that
it calls) raises itself, and whose message names the object and the field, or the argument. Nothing
warns. The cases are drawn from a seed, and are the same in every run.
"""

import collections
import datetime
import inspect
import json
import re
import traceback
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from nested_pandas import NestedFrame
from nested_pandas.series.ext_array import NestedExtensionArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from sklearn_tde import (
    LightCurveDisplay,
    LightCurveGridder,
    LightCurveOverSampler,
    check_light_curves,
    cross_validation_report,
    flatten_light_curves,
    load_alerce_detections,
    load_light_curves,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)

FIELDS = ("time", "band", "flux", "flux_err")
#: How many malformed inputs each test makes.
CASES = {
    "containers": 1000,
    "tables": 500,
    "labels": 90,
    "displays": 50,
    "broker": 400,
    "files": 120,
}


class Odd:
    """Nothing that anyone expects, and nothing to turn into an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array of this")

    def __repr__(self):
        return "Odd()"


def recursive():
    values = []
    values.append(values)
    return values


# What a cell may hold in place of a number, of a band, and what a column may be in place of a list.
NUMBERS = [
    np.nan, np.inf, -np.inf, None, pd.NA, pd.NaT, np.ma.masked, "nan", "12.5", "", b"1", True,
    np.True_, 1j, Decimal("NaN"), Decimal("sNaN"), Decimal("1e400"), Decimal("5"), Fraction(1, 3),
    datetime.datetime(2020, 1, 1), datetime.timedelta(1), np.datetime64("2020"),
    np.datetime64("NaT"), 2**63, 2**64 + 1, 10**30, 10**400, -(10**5000), 1e300, -1e300, 5e-324,
    1.7e308, 1e-300, 1e51, 1e10, 0, -1, -0.0, np.longdouble("1e4000"), np.float16(3), [1.0],
    (1.0, 2.0), {"a": 1}, set(), np.array(1.0), np.array([1.0]), Odd(), len, float, "x" * 5000,
]  # fmt: skip
BANDS = [
    None, np.nan, pd.NA, pd.NaT, 1, 2**70, 1.5, True, b"g", "", "  ", "\n", "g ", "G", "i", "nan",
    "\N{TELESCOPE}", "g\x00", "\ud800", "g" * 3000, ("g",), ["g"], {"g"}, {}, np.array(["g"]),
    np.str_("g"), Decimal("sNaN"), Odd(), float,
]  # fmt: skip
COLUMNS = {
    "complex": lambda v: np.asarray(v, complex),
    "truth values": lambda v: np.ones(len(v), bool),
    "truth values as objects": lambda v: np.array([True] * len(v), object),
    "bytes": lambda v: np.array([b"1"] * len(v)),
    "strings of numbers": lambda v: [str(x) for x in v],
    "strings of nan": lambda v: ["nan"] * len(v),
    "dates": lambda v: np.array(["2020-01-01"] * len(v), "M8[D]"),
    "dates with a zone": lambda v: pd.date_range("2020", periods=len(v), tz="UTC"),
    "NaT": lambda v: np.array(["NaT"] * len(v), "M8[ns]"),
    "durations": lambda v: np.ones(len(v), "m8[D]"),
    "periods": lambda v: pd.period_range("2020", periods=len(v)),
    "intervals": lambda v: pd.interval_range(0, len(v)),
    "objects": lambda v: np.array(list(v), object),
    "decimals": lambda v: [Decimal("1.5")] * len(v),
    "float16": lambda v: np.arange(1, len(v) + 1).astype(np.float16),
    "large float16": lambda v: np.full(len(v), 60000, np.float16),
    "float32": lambda v: np.asarray(v, np.float32),
    "Julian dates in float32": lambda v: (np.asarray(v) + 2.4e6).astype(np.float32),
    "long double": lambda v: np.full(len(v), np.longdouble("1e4000")),
    "int8": lambda v: np.arange(1, len(v) + 1).astype(np.int8),
    "uint64": lambda v: np.full(len(v), 2**64 - 1, np.uint64),
    "integers beyond 64 bit": lambda v: [2**65 + k for k in range(len(v))],
    "integers beyond float": lambda v: [10**400 + k for k in range(len(v))],
    "big-endian": lambda v: np.asarray(v, ">f8"),
    "read-only": lambda v: np.broadcast_to(1.5, len(v)),
    "strided": lambda v: np.repeat(np.asarray(v, float), 2)[::2],
    "records": lambda v: np.zeros(len(v), [("a", float)]),
    "one masked": lambda v: np.ma.array(v, mask=[True] + [False] * (len(v) - 1)),
    "all masked": lambda v: np.ma.masked_all(len(v)),
    "one NA": lambda v: pd.array([1] * (len(v) - 1) + [None], "Int64"),
    "all None": lambda v: [None] * len(v),
    "empty": lambda v: [],
    "a number": lambda v: v[0],
    "0-d": lambda v: np.array(v[0]),
    "2-D": lambda v: np.ones((len(v), 2)),
    "one column": lambda v: np.ones((len(v), 1)),
    "one row": lambda v: [list(v)],
    "ragged": lambda v: [[1.0]] + [[1.0, 2.0]] * (len(v) - 1),
    "recursive": lambda v: recursive(),
    "one more": lambda v: [*v, v[-1]],
    "one less": lambda v: list(v)[:-1],
    "None": lambda v: None,
    "a string": lambda v: "abc",
    "categories": lambda v: pd.Categorical(list(v)),
    "Arrow decimals": lambda v: pd.array(
        [Decimal("1.5")] * len(v), pd.ArrowDtype(pa.decimal128(5, 2))
    ),
    "Arrow lists": lambda v: pd.array([[1.0]] * len(v), pd.ArrowDtype(pa.list_(pa.float64()))),
    "sparse of pandas": lambda v: pd.arrays.SparseArray(list(v)),
    "sparse of scipy": lambda v: scipy.sparse.csr_matrix(np.ones((1, len(v)))),
    "tensor": lambda v: torch.tensor([float(x) for x in v], dtype=torch.float64),
    "tensor with gradient": lambda v: torch.ones(len(v), requires_grad=True),
    "bfloat16": lambda v: torch.ones(len(v), dtype=torch.bfloat16),
    "generator": lambda v: (x for x in v),
    "set": lambda v: set(v),
    "dict": lambda v: dict(enumerate(v)),
    "view of a dict": lambda v: dict(enumerate(v)).values(),
    "frame": lambda v: pd.DataFrame({"a": list(v)}),
    "series with a bad index": lambda v: pd.Series(list(v), index=[0] * len(v)),
    "what no array is made of": lambda v: Odd(),
    "log-uniform": lambda v: 10.0 ** np.linspace(-320, 308, len(v)),
}  # fmt: skip
BAND_COLUMNS = {
    "one name": lambda v: "g",
    "one number": lambda v: 3,
    "one NaN": lambda v: np.nan,
    "one name in bytes": lambda v: b"g",
    "0-d": lambda v: np.array("g"),
    "integers": lambda v: [1] * len(v),
    "categories": lambda v: pd.Categorical(v),
    "categories of integers": lambda v: pd.Categorical([1] * len(v)),
    "bytes": lambda v: np.array([b"g"] * len(v)),
    "array of strings": lambda v: np.array(v),
    "strings of numpy 2": lambda v: np.array(v, dtype=np.dtypes.StringDType()),
    "strings of Arrow": lambda v: pd.array(list(v), pd.ArrowDtype(pa.string())),
    "one NA": lambda v: pd.array(["g"] * (len(v) - 1) + [None], "string"),
    "one masked": lambda v: np.ma.array(v, mask=[True] + [False] * (len(v) - 1)),
    "2-D": lambda v: np.full((len(v), 2), "g"),
    "lists": lambda v: [["g"]] * len(v),
    "empty": lambda v: [],
    "one less": lambda v: list(v)[:-1],
    "None": lambda v: None,
    "set": lambda v: {"g"},
    "dict": lambda v: {"g": 1},
    "generator": lambda v: (x for x in v),
    "tensor": lambda v: torch.ones(len(v)),
    "dates": lambda v: pd.date_range("2020", periods=len(v)),
    "other names": lambda v: [f"b{k}" for k in range(len(v))],
    "what no array is made of": lambda v: Odd(),
    "recursive": lambda v: recursive(),
}


def curve(rng, n_points):
    return {
        "time": (59000 + np.sort(rng.uniform(0, 200, n_points)).round(3)).tolist(),
        "band": rng.choice(["g", "r"], n_points).tolist(),
        "flux": rng.normal(60, 40, n_points).round(3).tolist(),
        "flux_err": rng.uniform(2, 20, n_points).round(3).tolist(),
    }


def pick(rng, pool):
    return pool[rng.integers(len(pool))]


def change_structure(rng, table, field):
    """Change a table as a whole; every change may be applied to what was changed before."""
    n_points = len(table["time"])
    kind = pick(
        rng,
        ["drop", "rename", "one time", "unsorted", "no rows", "extremes", "extremes", "further"],
    )
    if kind == "drop":
        del table[field]
    elif kind == "rename":
        table[field.upper()] = table.pop(field)
    elif kind == "one time":
        table["time"] = [59000.0] * n_points
    elif kind == "unsorted":
        table["time"] = table["time"][::-1]
    elif kind == "no rows":
        table.update({name: [] for name in FIELDS})
    elif kind == "extremes":
        widest = pick(rng, [49, 50, 308])
        signs = rng.choice([-1, 1], n_points)
        table["flux"] = (signs * 10.0 ** rng.uniform(-320, widest, n_points)).tolist()
        table["flux_err"] = (10.0 ** rng.uniform(-widest, widest, n_points)).tolist()
        table["time"] = (10.0 ** rng.uniform(-20, pick(rng, [8, 9, 300]), n_points)).tolist()
    else:
        table[pick(rng, ["airmass", 7, None, "", "redshift"])] = pick(
            rng, [[1.0] * n_points, 0.1, Odd(), "a", None, [[1]] * n_points]
        )
    return kind


def damage(rng, tables):
    """Put a defect into one of the tables; return its position, the field and the defect."""
    position = int(rng.integers(len(tables)))
    table, field = tables[position], pick(rng, FIELDS)
    how = pick(rng, ["value"] * 3 + ["column"] * 3 + ["structure"] * 2)
    if not all(isinstance(table.get(name), list) and table[name] for name in FIELDS):
        return None
    if how == "value":
        value = pick(rng, BANDS if field == "band" else NUMBERS)
        table[field] = list(table[field])
        table[field][rng.integers(len(table[field]))] = value
        return position, field, f"{value!s:.10}" if isinstance(value, float | str) else type(value)
    if how == "column":
        columns = BAND_COLUMNS if field == "band" else COLUMNS
        name = pick(rng, list(columns))
        try:
            with np.errstate(over="ignore"):
                table[field] = columns[name](table[field])
        except Exception:
            return None  # the first defect leaves no room for a second one
        return position, field, name
    return position, None, change_structure(rng, table, field)


def records(table):
    band = ["U8" if all(isinstance(b, str) for b in table["band"]) else object][0]
    columns = {
        str(name): np.asarray(values, dtype=band if name == "band" else None)
        for name, values in table.items()
    }
    array = np.zeros(len(columns["time"]), [(n, c.dtype, c.shape[1:]) for n, c in columns.items()])
    for name, column in columns.items():
        array[name] = column
    return array


def by_band(table):
    """One object as the reference study has it."""
    bands = list(table["band"])
    curves = {"label": 1}
    for band in dict.fromkeys(bands):
        rows = [k for k, other in enumerate(bands) if other is band or other == band]
        curves[band] = {
            short: [table[name][k] for k in rows] if isinstance(table[name], list) else table[name]
            for short, name in (("t", "time"), ("y", "flux"), ("e", "flux_err"))
            if name in table
        }
    return curves


def object_array(items):
    return np.fromiter(items, dtype=object, count=len(items))


def nested(tables, names):
    """Nested as another program would do it, with the types that Arrow finds."""
    counts = [len(table["time"]) for table in tables]
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int64())
    lists = []
    for name in tables[0]:
        values = [value for table in tables for value in table[name]]
        odd = {type(value) for value in values} - {float, int, str, type(None)}
        if len(odd) > 1 or "[...]" in repr(values):
            raise ValueError("Arrow crashes over mixed types, and over lists that hold themselves")
        lists.append(pa.LargeListArray.from_arrays(offsets, pa.array(values)))
    struct = pa.StructArray.from_arrays(lists, names=[str(name) for name in tables[0]])
    return NestedFrame({"light_curve": pd.Series(NestedExtensionArray(struct), index=names)})


def nested_in_pieces(tables, names):
    """Sliced, repeated, concatenated and with null rows."""
    X = nested(tables, names)
    X = pd.concat([X.iloc[1:], X.iloc[:1], X.iloc[::-1]])
    X["light_curve"] = X["light_curve"].where(np.arange(len(X)) % 3 != 1)
    return X


def long_table(tables, names):
    parts = [pd.DataFrame(table) for table in tables]
    return pd.concat(
        [part.assign(object_id=[name] * len(part)) for part, name in zip(parts, names, strict=True)]
    )


CONTAINERS = {
    "mappings": lambda tables, names: list(tables),
    "series of mappings": lambda tables, names: pd.Series(list(tables), index=names),
    "frames": lambda tables, names: [pd.DataFrame(table) for table in tables],
    "structured arrays": lambda tables, names: object_array([records(t) for t in tables]),
    "reference dicts": lambda tables, names: [by_band(table) for table in tables],
    "list columns": lambda tables, names: pd.DataFrame(
        {name: object_array([table[name] for table in tables]) for name in tables[0]}, index=names
    ),
    "column of tables": lambda tables, names: pd.DataFrame(
        {"z": 0.1, "light_curve": object_array(list(tables))}, index=names
    ),
    "bagged": lambda tables, names: object_array(list(tables)).reshape(-1, 1),
    "nested": nested,
    "nested in pieces": nested_in_pieces,
}
#: Containers in which an object is named by its position.
NAMELESS = {"mappings", "frames", "structured arrays", "reference dicts", "bagged"}


NAMES = [
    lambda n: list(range(7, 7 + n)),
    lambda n: ["same"] * n,
    lambda n: [np.nan] * n,
    lambda n: [None] * n,
    lambda n: [("a", k) for k in range(n)],
    lambda n: pd.MultiIndex.from_product([["a"], range(n)]),
    lambda n: pd.date_range("2020", periods=n),
    lambda n: pd.CategoricalIndex(list("abcd")[:n]),
    lambda n: ["\N{TELESCOPE}'\"\n%s{}" * 20] * n,
]


def named(rng, n_objects):
    plain = [f"o{k}" for k in range(n_objects)]
    return plain if rng.random() < 0.7 else pick(rng, NAMES)(n_objects)


#: What is no container of light curves, or an odd one.
NO_CONTAINERS = [
    None, 3, "light_curve", b"bytes", {}, {"time": [1.0]}, set(), (), [], [[]], [None], [np.nan],
    [pd.NaT], [1], ["a"], [[1, 2]], range(3), iter([]), (x for x in ()), recursive(), [recursive()],
    np.zeros(3), np.zeros((2, 3, 4)), np.array(None, object), np.empty(0, object), float,
    np.empty((0, 3), object), np.empty((2, 2, 2), object), np.array([[1, 2]], object),
    np.zeros(2, [("time", float)]), [np.zeros((), [(name, float) for name in FIELDS])],
    np.ma.masked, pd.Timestamp("2020"), Odd(), [Odd()], bytearray(b"abc"), memoryview(b"abc"),
    scipy.sparse.eye(3), torch.zeros(3), pa.table({"time": [1.0]}), collections.deque([{}]),
    pd.Series([1, 2]), pd.Series([], dtype=float), pd.DataFrame(), pd.DataFrame({"a": [1]}),
    pd.DataFrame(np.ones((3, 4)), columns=list(FIELDS)), pd.DataFrame({"light_curve": [1]}),
    pd.DataFrame({"light_curve": [None]}), pd.DataFrame({name: [None] for name in FIELDS}),
    pd.DataFrame({name: [[]] for name in FIELDS}), NestedFrame(), NestedFrame({"light_curve": [1]}),
    pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("light_curve", "time")])),
    [pd.DataFrame([[1.0] * 4], columns=pd.MultiIndex.from_product([FIELDS, ["a"]]))],
    [pd.DataFrame()], [{"g": {}}], [{"g": None}], [{"g": [1, 2]}], [{1: 2}], [{"a": "b"}], [{}] * 3,
    [{1: {"t": [1.0], "y": [2.0], "e": [3.0]}}], [{None: {"t": [1.0], "y": [2.0], "e": [3.0]}}],
    [{"g": {"t": 1, "y": 2, "e": 3}}],
    pd.Series([[1.0]], dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
]  # fmt: skip

# Errors begin with the argument that is wrong, or with the object.
_ARGUMENTS = {"X", "y", "class"}.union(
    *(
        inspect.signature(function).parameters
        for function in (
            pack_light_curves,
            load_light_curves,
            load_alerce_detections,
            LightCurveDisplay.from_light_curves,
        )
    )
)
_BEGINNING = re.compile(rf"({'|'.join(_ARGUMENTS)})\b")
_OBJECT = re.compile(
    r"object .+?: .*\b(time|band|flux|flux_err_?|t, y|mag|entries|column|record)", re.DOTALL
)
_POSITION = re.compile(r"object at position \d+: its logit is not finite")
#: What a report says of rows that share a name, and scikit-learn of a column of labels.
_DOCUMENTED_WARNINGS = re.compile(r"rows named .+ are on both sides|A column-vector y was passed")
#: scikit-learn's own validators, whose errors are as good as ours.
_VALIDATORS = re.compile(r"sklearn/utils/(validation|multiclass|_param_validation)\.py$")


class Judge:
    """Calls functions with malformed input, counts what happens and keeps what must not."""

    def __init__(self):
        self.counts = collections.Counter()
        self.violations = []

    def __call__(self, case, sound, function, *args, expected=(), **options):
        """Return the result, or None if it was refused; `expected` must be in the message."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(*args, **options)
            except Exception as error:
                result, fault = None, self._fault(error, expected)
                self.counts["refused"] += 1
            else:
                fault = None if sound(result) else f"is not sound: {result!r:.200}"
                self.counts["fine"] += 1
        if fault is not None:
            self.violations.append(f"{case}: {function.__name__}: {fault}")
        self.violations += [
            f"{case}: {function.__name__} warned {one.message!r:.200}"
            for one in caught
            if not _DOCUMENTED_WARNINGS.match(str(one.message))
        ]
        return result

    @staticmethod
    def _fault(error, expected):
        """Say what is wrong with an error, None if nothing is."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        spelled = f"{type(error).__name__} at {frame.filename}:{frame.lineno}: {error!s:.300}"
        ours = "/sklearn_tde/" in frame.filename and "/tests/" not in frame.filename
        if _VALIDATORS.search(frame.filename):
            return None if type(error) in (ValueError, TypeError) else spelled
        if not ours or type(error) not in (ValueError, TypeError, FileNotFoundError):
            return f"foreign {spelled}"
        message = str(error)
        if not any(pattern.match(message) for pattern in (_BEGINNING, _OBJECT, _POSITION)):
            return f"nameless {spelled}"
        # An error of the whole container names the field alone.
        expected = expected[-1:] if message.startswith("X") else expected
        if len(message) > 1000 or not all(part in message for part in expected):
            return f"does not say {expected} but {spelled}"
        return None

    def conclude(self, n_cases, least=0.1):
        assert not self.violations, f"{len(self.violations)}:\n" + "\n".join(self.violations[:12])
        assert self.counts["fine"] >= least * n_cases
        assert self.counts["refused"] >= least * n_cases


def sound_frame(X):
    flat = flatten_light_curves(X)
    within = np.diff(flat.object_position) == 0
    numbers = (flat.time, flat.flux, flat.flux_err)
    return (
        isinstance(X, NestedFrame)
        and len(X) == flat.n_objects
        and all(np.isfinite(values).all() for values in numbers)
        and bool((flat.flux_err > 0).all() and (np.diff(flat.time)[within] >= 0).all())
    )


def sound_probabilities(probabilities):
    return (
        probabilities.ndim == 2
        and probabilities.shape[1] == 2
        and bool((probabilities >= 0).all())
        and np.allclose(probabilities.sum(axis=1), 1.0)
    )


def sound_table(table):
    return isinstance(table, pd.DataFrame) and {*FIELDS} <= {*table.columns}


def sound_numbers(values):
    return bool(np.isfinite(values).all())


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=6, n_sn_ia=6, random_state=0)


def tiny(**params):
    gridder = LightCurveGridder(n_steps=12)
    params = {"hidden_dim": 4, "num_layers": 1, "max_epochs": 1, "random_state": 0} | params
    return make_lstm_pipeline(gridder=gridder, **params)


@pytest.fixture(scope="module")
def fitted(transients):
    return tiny().fit(*transients)


@pytest.fixture(scope="module")
def gridders(transients):
    settings = [
        {},
        {"scale": None, "log_flux": False, "before_start": "interpolate", "after_end": "raise"},
        {"scale": None, "start": "first", "after_end": "interpolate", "gap_inflation": 0.1},
        {"scale": "running", "mask": "coverage", "before_start": "interpolate", "lead": 30},
    ]
    return [LightCurveGridder(n_steps=12, **params).fit(transients[0]) for params in settings]


def malformed(rng, containers):
    """Draw objects with one or two defects in a container; say what the error must say."""
    while True:
        n_objects = int(rng.integers(1, 5))
        tables = [curve(rng, int(rng.integers(0 if k else 1, 8))) for k in range(n_objects)]
        defects = [damage(rng, tables) for _ in range(rng.integers(1, 3))]
        defects = [defect for defect in defects if defect is not None]
        name, names = pick(rng, list(containers)), named(rng, n_objects)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                X = containers[name](tables, names)
        except Exception:
            continue  # such a container cannot be made
        if defects:
            return X, f"{name} with {defects}", expectation(defects, name, names)


def expectation(defects, container, names):
    """What must be in the message: of a single defect in a field, the object and the field."""
    if len(defects) > 1 or defects[0][1] is None or container.startswith("nested"):
        return ()
    position, field, defect = defects[0]
    if container == "reference dicts":
        field = {"time": "t", "flux": "y", "flux_err": "e"}.get(field, field)
    name = position if container in NAMELESS else list(names)[position]
    spelled = repr(name)[:70]
    return (f"object {spelled}", field)


def no_result(result):
    return False


def test_malformed_containers(fitted, gridders):
    rng, judge = np.random.default_rng(0), Judge()
    cases = [(X, f"container {k}", ()) for k, X in enumerate(NO_CONTAINERS)]
    cases += [malformed(rng, CONTAINERS) for _ in range(CASES["containers"] - len(cases))]
    for k, (X, case, expected) in enumerate(cases):
        transform = gridders[k % len(gridders)].transform
        checked = judge(case, sound_frame, check_light_curves, X, expected=expected)
        if checked is None:
            # What the check refuses nothing else takes.
            other = [flatten_light_curves, unpack_light_curves, LightCurveGridder().fit, transform]
            other += [fitted.predict_proba, fitted.decision_function]
            judge(case, no_result, other[k % len(other)], X)
            continue
        n_rows = np.maximum(flatten_light_curves(checked).n_observations, 1).sum()
        table = judge(case, sound_table, unpack_light_curves, checked)
        assert table is None or len(table) == n_rows
        grid = judge(case, sound_numbers, transform, checked)
        assert grid is None or len(grid) == len(checked)
        probabilities = judge(case, sound_probabilities, fitted.predict_proba, X)
        assert probabilities is None or len(probabilities) == len(checked)
        if k % 10 == 0:
            judge(case, sound_numbers, fitted.decision_function, X)
    assert len(cases) == CASES["containers"]
    judge.conclude(len(cases))


class Foreign:
    """A table of another library, as far as it shows."""

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        if self.frame is None:
            raise RuntimeError("no table of this")
        return self.frame


def with_limits(table):
    table = table.assign(limit=20.5, sign="t")
    table.iloc[::2, table.columns.get_loc("flux")] = np.nan
    return table


#: What becomes of a long table before it is packed.
TABLES = [
    lambda table: table,
    lambda table: table.to_dict("list"),
    lambda table: table.to_records(index=False),
    lambda table: Foreign(table),
    lambda table: Foreign(None),
    lambda table: Foreign("table"),
    lambda table: table.assign(time=[[1.0]] * len(table)),
    lambda table: {name: table[name].tolist()[k:] for k, name in enumerate(table)},
    lambda table: pd.concat([table, table[["flux"]]], axis=1),
    lambda table: pd.concat({"a": table}, axis=1),
    lambda table: table.iloc[:0],
    lambda table: table.drop(columns="object_id"),
    lambda table: table.assign(object_id=[["o1"]] * len(table)),
    lambda table: table.assign(object_id=np.nan),
    lambda table: table.assign(object_id=[1, "1"] * (len(table) // 2) + [1.5] * (len(table) % 2)),
    lambda table: table.assign(redshift=np.arange(len(table))),
    lambda table: table.assign(note=[[1]] * len(table)),
    lambda table: table.rename(columns={"flux": 7}),
    lambda table: table.sample(frac=1, random_state=0),
    lambda table: table.set_index("object_id"),
    lambda table: table.set_flags(allows_duplicate_labels=True),
    lambda table: pd.concat([table.assign(light_curve=1), table]),
    lambda table: with_attrs(table, {"sklearn_tde": 3}),
    lambda table: with_attrs(table, {"sklearn_tde": {}}),
    lambda table: with_attrs(table, {"sklearn_tde": {"object_id": 1, "observation_columns": 2}}),
    lambda table: list(table),
    lambda table: None,
    with_limits,
]


def with_attrs(table, attrs):
    table = table.copy()
    table.attrs.update(attrs)
    return table


MAGNITUDES = {"mag": "flux", "mag_err": "flux_err"}
OPTIONS = [
    {}, {}, {}, {}, {"object_id": None}, {"object_id": "name"}, {"time": "mjd"}, {"band": None},
    MAGNITUDES, {"mag": "flux"}, {**MAGNITUDES, "zero_point": 25}, {"zero_point": 1e6},
    {"zero_point": -1e6}, {"zero_point": np.nan}, {"zero_point": "23.9"}, {"zero_point": 31.4},
    {"limiting_mag": "limit"}, {"limiting_mag": "flux"}, {**MAGNITUDES, "limiting_mag": "limit"},
    {"sign": "sign"}, {"sign": "band"}, {"sign": "flux"}, {"band_names": {"g": "g", "r": "g"}},
    {"band_names": {1: "g"}}, {"band_names": {"g": 1}}, {"band_names": ["g"]},
    {"objects": pd.DataFrame(index=["o0", "o1", "o2", "o3", "o4"])},
    {"objects": pd.DataFrame({"object_id": ["o0", "o0"]})}, {"objects": pd.DataFrame()},
    {"objects": pd.DataFrame({"object_id": [["o0"], ["o1"]]})}, {"objects": ["o0"]},
    {"objects": pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))},
    {"objects": pd.DataFrame({"light_curve": [1] * 5}, index=[f"o{k}" for k in range(5)])},
    {"object_columns": ("redshift",)}, {"object_columns": "band"}, {"object_columns": ("note",)},
    {"observation_columns": ("redshift", "note")}, {"observation_columns": ("flux",)},
    {"observation_columns": 3}, {"duplicates": "drop"}, {"duplicates": "keep"},
]  # fmt: skip


def test_malformed_tables():
    rng, judge = np.random.default_rng(1), Judge()
    for k in range(CASES["tables"]):
        if k % 2:
            table, case, _ = malformed(rng, {"table": long_table})
            form, options = int(rng.integers(4)), {}
        else:
            tables = [curve(rng, int(rng.integers(1, 8))) for _ in range(3)]
            table, case = long_table(tables, ["o0", "o1", "o2"]), "a table"
            form, options = int(rng.integers(len(TABLES))), pick(rng, OPTIONS)
        try:
            table = TABLES[form](table)
        except Exception:
            form = 0  # what is wrong already cannot always be changed so
        case = f"{case} as {form} with {options}"
        judge(case, sound_frame, pack_light_curves, table, **options)
        if form == 0:
            judge(case, sound_pair, load_light_curves, table, label=None, **options)
    judge.conclude(CASES["tables"])


def sound_pair(pair):
    return len(pair) == 2 and sound_frame(pair[0])


def labels_of(rng, transients):
    X, y = transients
    return [
        (X, y),
        (X, y == "TDE"),
        (X, (y == "TDE").astype(float)),
        (X, pd.Series(y, dtype="category")),
        (X, y.tolist()),
        (X, y[:-1]),
        (X, y[:0]),
        (X, np.full(len(y), "TDE")),
        (X, np.where(np.arange(len(y)) == 4, np.nan, 1.0)),
        (X, [*y[:-1], None]),
        (X, [*y[:-1], pd.NA]),
        (X, [*y[:-1], 1]),
        (X, [*y[:-1], ["TDE"]]),
        (X, np.column_stack([y == "TDE", y != "TDE"]).astype(int)),
        (X, np.column_stack([y, y])),
        (X, rng.normal(size=len(y))),
        (X, np.arange(len(y)) + 0.5),
        (X, np.array(["2020"] * len(y), "M8[D]")),
        (X, (y == "TDE") * 1j),
        (X, None),
        (X, "TDE"),
        (X, 3),
        (X, {"TDE": 1}),
        (X, set(y)),
        (X, (label for label in y)),
        (X, Odd()),
        (X, [Odd()] * len(y)),
        (X, pd.DataFrame({"label": y})),
        (X, torch.tensor((y == "TDE").astype(int))),
        (X, scipy.sparse.csr_matrix((y == "TDE").astype(int))),
        (X, np.ma.array((y == "TDE").astype(int), mask=y == "TDE")),
        (X.iloc[:0], y[:0]),
        (X.iloc[:1], y[:1]),
        (pd.concat([X, X]), np.append(y, y)),
        (X.assign(light_curve=None), y),
        (X["light_curve"], y),
        (pd.DataFrame(X).drop(columns="light_curve"), y),
        ([{}] * len(y), y),
        (np.zeros((len(y), 12, 8)), y),
        (None, y),
        (3, y),
        (Odd(), y),
    ]


def test_malformed_labels(transients):
    rng, judge = np.random.default_rng(2), Judge()
    flat = FunctionTransformer(lambda grid: grid.reshape(len(grid), -1))
    plain = make_pipeline(
        LightCurveGridder(n_steps=4), flat, DecisionTreeClassifier(random_state=0)
    )
    sampler = LightCurveOverSampler(random_state=0)
    cases = labels_of(rng, transients)
    while len(cases) < CASES["labels"]:
        X, _, _ = malformed(rng, CONTAINERS)
        cases.append((X, pick(rng, ["ab", [0, 1], [True, False]]) * 2))
        cases[-1] = (X, list(cases[-1][1])[: len(X)] if hasattr(X, "__len__") else [0, 1])
    for k, (X, y) in enumerate(cases):
        case = f"labels {k} {y!r:.40}"
        fit = tiny().fit
        if k >= 42:
            fit = LightCurveGridder(n_steps=4).fit
        judge(case, lambda model: True, fit, X, y)
        judge(case, sound_sample, sampler.fit_resample, X, y)
        judge(case, lambda r: True, cross_validation_report, plain, X, y, cv=2, verbose=0)
    judge.conclude(len(cases))


def sound_sample(sample):
    X, y = sample
    return sound_frame(X) and len(X) == len(y)


DISPLAYED = [
    {}, {}, {"position": 0}, {"position": -1}, {"position": 99}, {"position": "0"},
    {"position": 0.5}, {"position": True}, {"position": np.int64(0)}, {"object_id": "o0"},
    {"object_id": "o9"}, {"object_id": ["o0", "o1"]}, {"object_id": np.nan}, {"object_id": Odd()},
    {"object_id": "o0", "position": 0}, {"position": 0, "time": "mjd"}, {"position": 0, "ax": 3},
    {"position": 0, "brightness": "magnitude"}, {"position": 0, "time": "absolute"},
    {"position": 0, "gridder": LightCurveGridder(n_steps=8, scale=None, log_flux=False)},
    {"position": 0, "gridder": "gridder"}, {"position": 0, "gridder": LightCurveGridder},
    {"position": 0, "probability": "high"}, {"position": 0, "label": 3},
]  # fmt: skip


def test_malformed_light_curves_are_not_drawn():
    rng, judge = np.random.default_rng(3), Judge()
    for k in range(CASES["displays"]):
        if k < 2 * len(DISPLAYED):
            n_objects = 1 + k % 2
            X = [curve(rng, 4) for _ in range(n_objects)]
            X = pd.Series(X, index=[f"o{k}" for k in range(n_objects)])
            case, options = f"{n_objects} objects", DISPLAYED[k // 2]
        else:
            X, case, _ = malformed(rng, CONTAINERS)
            options = {"position": 0}
        draw = LightCurveDisplay.from_light_curves
        judge(f"{case} with {options}", sound_display, draw, X, **options)
        plt.close("all")
    judge.conclude(CASES["displays"])


def sound_display(display):
    display.figure_.canvas.draw()
    return bool(display.axes_.size)


def records_of_broker(rng):
    detections = [
        {
            "oid": "ZTF1",
            "mjd": 59000.0 + 3 * k,
            "fid": 1 + k % 2,
            "magpsf": 19.0,
            "sigmapsf": 0.1,
            "isdiffpos": 1,
        }
        for k in range(4)
    ]
    limits = [{"mjd": 58990.0, "fid": 1, "diffmaglim": 20.5}]
    return {"detections": detections, "non_detections": limits}


JSON_VALUES = [
    None, True, 0, -1, 7, 99.0, -999, 1e400, float("nan"), 10**400, "", "1", "g", "x", [], [1], {},
    {"a": 1}, "\ud800", -0.0, 1e-300,
]  # fmt: skip


def damaged_json(rng):
    """Records of the broker with a defect, as objects or as text."""
    source = records_of_broker(rng)
    kind = pick(rng, ["value", "value", "drop", "part", "text", "text"])
    records = pick(rng, [source["detections"], source["detections"], source["non_detections"]])
    record = pick(rng, records)
    if kind == "value":
        record[pick(rng, list(record))] = pick(rng, JSON_VALUES)
    elif kind == "drop":
        del record[pick(rng, list(record))]
    elif kind == "part":
        source[pick(rng, list(source))] = pick(rng, [*JSON_VALUES, [[1]], [None], records * 2])
    form = pick(rng, ["dict", "list", "detections", "text"])
    if kind != "text" and form != "text":
        return {"dict": source, "list": [source], "detections": source["detections"]}[form]
    text = json.dumps(source)
    if kind == "text":
        at = int(rng.integers(1, len(text)))
        cuts = [text[:at], text[:at] + text[at + 1 :], text[:at] + "\x00" + text[at:], text]
        text = pick(rng, cuts)
    return text


NO_RECORDS = [
    None, 3, b"[]", "", "[", "{}", "[]", "[" * 100_000, "[" + "9" * 5000 + "]", "no such file.json",
    "x" * 5000, "\x00", [], {}, [[]], [None], [{}], {"detections": None}, {"detections": {}},
    {"detections": [1]}, {"non_detections": []}, set(), pd.DataFrame(), Odd(), "[NaN]", "\ufeff[]",
    {"detections": [], "oid": ["a"]}, {"detections": [{"oid": ["a"]}]}, ["a"], Path("/"), Path(""),
]  # fmt: skip


def test_malformed_records_of_the_broker():
    rng, judge = np.random.default_rng(4), Judge()
    cases = NO_RECORDS + [damaged_json(rng) for _ in range(CASES["broker"] - len(NO_RECORDS))]
    for k, source in enumerate(cases):
        options = pick(
            rng, [{}, {}, {"object_id": "ZTF1"}, {"object_id": 3}, {"duplicates": "drop"}]
        )
        judge(f"{k} {source!r:.300}", sound_frame, load_alerce_detections, source, **options)
    assert len(cases) == CASES["broker"]
    judge.conclude(len(cases))


def damaged_file(rng, folder, number):
    """Write a table with a defect in its bytes, and return the path."""
    tables = [curve(rng, int(rng.integers(1, 6))) for _ in range(3)]
    frame = long_table(tables, ["o1", "o2", "o3"])
    if rng.random() < 0.4:
        path = folder / f"{number}.parquet"
        frame.to_parquet(path)
        content = path.read_bytes()
    else:
        path = folder / f"{number}.csv"
        content = frame.to_csv(index=False, sep=pick(rng, [",", ",", ",", ";"])).encode()
    at = int(rng.integers(len(content)))
    changes = [
        content,
        content[:at],
        content[:at] + bytes([rng.integers(256)]) + content[at + 1 :],
        content[:at] + b"\x00\xff\n" + content[at:],
        content.replace(b"\n", b",\n"),
        content.replace(b"\n", b",1,2\n", 3),
        content.replace(b",g,", b",,").replace(b",r,", b",NaN,"),
        content.replace(b"flux_err", b"flux"),
        content.replace(b"object_id", b"\xef\xbb\xbfobject_id"),
        content.replace(b"o1", b'"o1'),
        content.replace(b"o2", b""),
        content.replace(b"\n", b"\r"),
        content * 2,
        b"",
        b"\n\n",
    ]
    path.write_bytes(content if rng.random() < 0.4 else pick(rng, changes))
    if rng.random() < 0.1:
        path = pick(
            rng, [folder, folder / "none.csv", "", "x" * 5000 + ".csv", "\x00.csv", "a.txt"]
        )
    return path


def test_malformed_files(tmp_path):
    rng, judge = np.random.default_rng(5), Judge()
    for k in range(CASES["files"]):
        path = damaged_file(rng, tmp_path, k)
        objects = None
        if rng.random() < 0.2:
            objects = pick(rng, [damaged_file(rng, tmp_path, f"objects {k}"), path])
        options = pick(rng, [{}, {}, {}, {"unlisted": "drop"}, {"label": "type"}])
        if isinstance(path, Path) and path.is_file():
            case = f"{k} {path.read_bytes()[:200]!r}"
        else:
            case = f"{k} {path!r:.60}"
        judge(case, sound_pair, load_light_curves, path, objects, **options)
    judge.conclude(CASES["files"])


def test_there_are_enough_cases():
    assert sum(CASES.values()) >= 2000
