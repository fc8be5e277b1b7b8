"""Files that are damaged, forged or made to do harm.

Whoever forges a file makes its hashes fit, with the package's own tools; so do these tests. Each
attack is first shown to work on a loader that trusts its input.
"""

import json
import os
import pickle
import warnings
import zipfile
from functools import partial
from hashlib import sha256
from io import BytesIO

import joblib
import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_tde import LSTMTransientClassifier, load_model, save_model
from sklearn_tde.persistence import ModelFileError, read_model_card
from sklearn_tde.persistence._container import pack, sealed, unpack
from sklearn_tde.persistence._trusted_types import (
    BIN_MAPPER,
    LINKS,
    LOSSES,
    PREDICTOR,
    TRUSTED_TYPES,
    all_trusted_types,
)

skops_io = pytest.importorskip("skops.io", reason='needs the extra "share"')

X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30) % 2


@pytest.fixture(scope="module")
def network():
    return LSTMTransientClassifier(hidden_dim=3, num_layers=1, max_epochs=1, random_state=0).fit(
        X, Y
    )


@pytest.fixture(scope="module")
def good(network, tmp_path_factory):
    """A good file, as bytes."""
    path = tmp_path_factory.mktemp("good") / "model.tde"
    save_model(network, path)
    return path.read_bytes()


@pytest.fixture
def canary(tmp_path):
    """A file that nothing but an attack makes."""
    return tmp_path / "canary"


def parts(data):
    """Members of a model file, and of the archive of its model."""
    members = unpack(data)
    return members, unpack(members["model.skops"])


def forged(good, *, model=None, metadata=None, **others):
    """A file with another model or other metadata, and hashes that fit."""
    members = unpack(good)
    if model is not None:
        members["model.skops"] = model
    facts = json.loads(members["metadata.json"])
    facts["model_sha256"] = sha256(members["model.skops"]).hexdigest()
    members["metadata.json"] = json.dumps({**facts, **(metadata or {})}).encode()
    return sealed(pack({**members, **others}))


def with_schema(good, change):
    """A file whose schema is changed."""
    inner = parts(good)[1]
    schema = json.loads(inner["schema.json"])
    change(schema)
    return forged(good, model=pack({**inner, "schema.json": json.dumps(schema).encode()}))


def refused(data, tmp_path, **params):
    path = tmp_path / "bad.tde"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        load_model(path, **params)
    message = str(caught.value)
    assert message.startswith(f"{str(path)!r} cannot be loaded: ")
    return message


def load_trusting(data):
    """What a loader does that trusts whatever a skops file names."""
    model = unpack(data)["model.skops"]
    return skops_io.loads(model, trusted=skops_io.get_untrusted_types(data=model))


def attributes(schema):
    return schema["content"]["content"]


def node(loader, name, **content):
    module, _, cls = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": cls, **content}


def text(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def add_attribute(schema, key, value):
    state = schema["content"]
    state["content"][key] = value
    state["key_types"]["content"].append(node("TypeNode", "builtins.str"))


# A forged file is one that load_model would accept, but for the forgery


def test_forging_nothing_makes_a_good_file(good, network, tmp_path):
    path = tmp_path / "model.tde"
    path.write_bytes(with_schema(good, lambda schema: None))
    np.testing.assert_array_equal(load_model(path).predict_proba(X), network.predict_proba(X))


# Other files


class Harmful:
    """What a pickle makes of it is a call."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize(
    ("dump", "load"),
    [
        (pickle.dump, pickle.load),
        (joblib.dump, joblib.load),
        (torch.save, partial(torch.load, weights_only=False)),
    ],
    ids=["pickle", "joblib", "torch"],
)
def test_a_pickle_under_another_name_is_not_unpickled(dump, load, good, canary, tmp_path):
    buffer = BytesIO()
    dump(Harmful(canary), buffer)
    assert "it is not a model file" in refused(buffer.getvalue(), tmp_path)
    refused(forged(good, model=buffer.getvalue()), tmp_path)
    inner = parts(good)[1]
    array = next(name for name in inner if name.endswith(".npy"))
    refused(forged(good, model=pack({**inner, array: buffer.getvalue()})), tmp_path)
    assert not canary.exists()
    buffer.seek(0)
    load(buffer)
    assert canary.exists()


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"text\n" * 100, bytes(1000), b"PK\x05\x06" + bytes(18)]
)
def test_a_file_of_something_else_is_no_model_file(content, tmp_path):
    assert "it is not a model file" in refused(content, tmp_path)


def test_another_archive_is_no_model_file(good, tmp_path):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("README.md", "hello")
    assert "it is not a model file" in refused(buffer.getvalue(), tmp_path)
    assert "it is not a model file" in refused(unpack(good)["model.skops"], tmp_path)
    assert "expected ['metadata.json'" in refused(sealed(buffer.getvalue()), tmp_path)


# Damage


def test_every_changed_byte_is_noticed(good, tmp_path):
    path = tmp_path / "model.tde"
    positions = {*range(120), *range(0, len(good), 97), *range(len(good) - 120, len(good))}
    for position in positions:
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x20]) + good[position + 1 :])
        with pytest.raises(ModelFileError, match="damaged"):
            load_model(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_noticed(share, good, tmp_path):
    message = refused(good[: int(share * len(good))], tmp_path)
    assert "damaged" in message
    assert ("incomplete" in message) == (share > 0)
    refused(good[:-1], tmp_path)
    refused(good + b"\n", tmp_path)


def test_a_damaged_card_is_not_read(good, tmp_path):
    path = tmp_path / "model.tde"
    path.write_bytes(good.replace(b"# LSTM", b"# LSTN"))
    with pytest.raises(ModelFileError, match="cannot be read: it is damaged"):
        read_model_card(path)


def test_another_file_than_the_one_expected_is_noticed(good, tmp_path):
    other = forged(good, **{"README.md": b"another card"})
    path = tmp_path / "other.tde"
    path.write_bytes(other)
    load_model(path, sha256=sha256(other).hexdigest())
    digest = sha256(good).hexdigest()
    message = refused(other, tmp_path, sha256=digest)
    assert sha256(other).hexdigest() in message
    assert digest in message
    assert "expected sha256='short'" in refused(good, tmp_path, sha256="short")


def test_a_model_that_its_metadata_do_not_describe_is_noticed(good, tmp_path):
    data = forged(good, metadata={"model_sha256": "0" * 64})
    assert "not the one that its metadata describe" in refused(data, tmp_path)


# Versions


def versions(version):
    return {"metadata": {"versions": {"sklearn_tde": version}}}


def test_a_newer_format_is_refused(good, tmp_path):
    message = refused(forged(good, metadata={"format_version": 2}), tmp_path)
    assert "version 2 of the format" in message
    assert "reads version 1" in message


@pytest.mark.parametrize(
    ("written", "installed", "expected"),
    [
        ("0.2.0", "0.1.0", "newer than the 0.1.0 installed"),
        ("1.0.0", "0.9.0", "newer than the 0.9.0 installed"),
        ("0.1.9", "0.2.0", "which 0.2.0 no longer reads"),
        ("0.9.0", "1.0.0", "which 1.0.0 no longer reads"),
        ("1.3.0", "2.0.0", "which 2.0.0 no longer reads"),
        ("1.3.0", "1.2.0", "newer than the 1.2.0 installed"),
        ("0.1.7", "0.1.0", None),
        ("1.2.0", "1.3.0", None),
    ],
)
def test_versions_that_go_together(written, installed, expected, good, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_tde.persistence._contents.__version__", installed)
    data = forged(good, **versions(written))
    if expected:
        assert expected in refused(data, tmp_path)
    else:
        (tmp_path / "model.tde").write_bytes(data)
        load_model(tmp_path / "model.tde")


@pytest.mark.parametrize("version", [None, "", "new", 3, ["0.1.0"], "0"])
def test_versions_that_are_none(version, good, tmp_path):
    assert "as the version of sklearn_tde" in refused(forged(good, **versions(version)), tmp_path)


def test_another_patch_is_told(good, tmp_path):
    (tmp_path / "model.tde").write_bytes(
        with_schema(good, lambda s: attributes(s).update(_version=text("0.1.77")))
    )
    with pytest.warns(
        InconsistentVersionWarning, match=r"LSTMTransientClassifier from version 0\.1\.77"
    ):
        load_model(tmp_path / "model.tde")


def test_another_scikit_learn_is_told(tmp_path):
    path = tmp_path / "model.tde"
    save_model(LogisticRegression().fit(X, Y), path)
    path.write_bytes(
        with_schema(path.read_bytes(), lambda s: attributes(s).update(_sklearn_version=text("1.0")))
    )
    with pytest.warns(InconsistentVersionWarning, match=r"LogisticRegression from version 1\.0"):
        load_model(path)


@pytest.mark.parametrize("metadata", [b"", b"[1]", b"{", b'"text"', b"[" * 100_000])
def test_metadata_that_are_none(metadata, good, tmp_path):
    members = {**unpack(good), "metadata.json": metadata}
    assert "its metadata are" in refused(sealed(pack(members)), tmp_path)


# Archives


def test_members_are_those_that_save_model_writes(good, tmp_path):
    for name in ("more.txt", "../../up.txt", "/absolute.txt", "C:\\windows.txt"):
        message = refused(forged(good, **{name: b"x"}), tmp_path)
        assert f"{name!r}" in message
        inner = pack({**parts(good)[1], name: b"x"})
        message = refused(forged(good, model=inner), tmp_path)
        assert f"a member {name!r} that the model does not use" in message
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tde"]


def test_a_member_twice_is_refused(good, tmp_path):
    buffer = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)
        for name, content in [*unpack(good).items(), ("README.md", b"another")]:
            archive.writestr(name, content)
    assert "two members 'README.md'" in refused(sealed(buffer.getvalue()), tmp_path)


@pytest.mark.parametrize("inside", [False, True])
def test_compressed_members_are_refused_before_they_grow(inside, good, tmp_path):
    members, inner = parts(good)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (inner if inside else members).items():
            archive.writestr(name, content)
        archive.writestr("bomb.npy" if inside else "bomb", bytes(10_000_000))
    bomb = buffer.getvalue()
    assert len(bomb) < 100_000
    data = forged(good, model=bomb) if inside else sealed(bomb)
    assert "claim to be larger than the file" in refused(data, tmp_path)


def test_small_compressed_members_are_refused(good, tmp_path):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", b" " * 90)
    assert "is compressed" in refused(sealed(buffer.getvalue()), tmp_path)


def test_a_member_that_lies_about_its_size_is_refused(good, tmp_path):
    body = bytearray(pack(unpack(good)))
    entry = body.rindex(b"PK\x01\x02")
    for size in (10, 2**31 - 1):
        for field in (20, 24):
            body[entry + field : entry + field + 4] = size.to_bytes(4, "little")
        message = refused(sealed(bytes(body)), tmp_path)
        assert "is damaged" in message or "larger than the file" in message


@pytest.mark.parametrize("shape", [(10**12,), (2**62, 2**62), (0, 10**30), (-4,), (3,)])
def test_an_array_that_lies_about_its_size_is_refused(shape, good, tmp_path):
    inner = parts(good)[1]
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    name = next(name for name in inner if name.endswith(".npy"))
    lying = pack({**inner, name: header.getvalue() + bytes(16)})
    assert "is not there" in refused(forged(good, model=lying), tmp_path)


def test_an_array_of_objects_is_not_unpickled(good, canary, tmp_path):
    buffer = BytesIO()
    np.save(buffer, np.array([Harmful(canary)], dtype=object), allow_pickle=True)
    inner = parts(good)[1]
    name = next(name for name in inner if name.endswith(".npy"))
    refused(forged(good, model=pack({**inner, name: buffer.getvalue()})), tmp_path)
    assert not canary.exists()
    buffer.seek(0)
    np.load(buffer, allow_pickle=True)
    assert canary.exists()


# Schemas that would run something

LIST = {"__loader__": "ListNode", "__module__": "builtins", "__class__": "list"}


def arguments(*values):
    return node("TupleNode", "builtins.tuple", content=[text(value) for value in values])


def no_keys():
    return node("DictNode", "builtins.dict", content={}, key_types={**LIST, "content": []})


def call_as_object(command):
    """A class that is made by calling it, as skops does with some."""
    return node("ConstructorFromReduceNode", "os.system", content=arguments(command))


def call_as_loss(command):
    return node("LossNode", "os.system", __reduce__={"args": arguments(command)}, content=no_keys())


def call_as_key_type(command):
    """A type that a key is made with."""
    return node(
        "DictNode",
        "builtins.dict",
        content={command: text(None)},
        key_types={**LIST, "content": [node("TypeNode", "os.system")]},
    )


def call_as_key_function(command):
    return node(
        "DictNode",
        "builtins.dict",
        content={command: text(None)},
        key_types={**LIST, "content": [node("FunctionNode", "os.system")]},
    )


def call_as_array(command):
    return node(
        "TupleNode",
        "builtins.tuple",
        content=[call_as_object(command)],
    )


CALLS = [call_as_object, call_as_loss, call_as_key_type, call_as_key_function, call_as_array]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("attribute", ["class_weight", "extra"])
def test_a_schema_that_calls_a_function_is_not_followed(call, attribute, good, canary, tmp_path):
    def change(schema):
        if attribute in attributes(schema):
            attributes(schema)[attribute] = call(f"touch {canary}")
        else:
            add_attribute(schema, attribute, call(f"touch {canary}"))

    data = with_schema(good, change)
    message = refused(data, tmp_path)
    assert f"{attribute}" in message
    assert "os.system" in message
    assert not canary.exists()
    load_trusting(data)
    assert canary.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.exec",
        "builtins.eval",
        "subprocess.Popen",
        "numpy.load",
        "joblib.load",
    ],
)
@pytest.mark.parametrize("loader", ["ObjectNode", "FunctionNode", "TypeNode"])
def test_names_that_are_not_listed_are_told(loader, name, good, tmp_path):
    content = {"content": no_keys()} if loader == "ObjectNode" else {}
    data = with_schema(good, lambda s: add_attribute(s, "extra", node(loader, name, **content)))
    assert f"extra: {name} ({loader})" in refused(data, tmp_path)


@pytest.mark.parametrize(
    "extra",
    [
        node("MethodNode", "builtins.str", content={"func": "format", "obj": text("x")}),
        node("OperatorFuncNode", "operator.methodcaller", attrs=arguments("x")),
        node("PartialNode", "functools.partial", content={}),
        node("BytesNode", "builtins.bytes", file="0.npy"),
        node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="0.npy"),
        node("RandomStateNode", "numpy.random.mtrand.RandomState", content=no_keys()),
        node("TreeNode", "sklearn.tree._tree.Tree", __reduce__={}, content=no_keys()),
        node("CachedNode", "builtins.str", __id__=1),
        node("NoNode", "builtins.str"),
        node("JsonNode", "os.system", content="null", is_json=True),
        node("ListNode", "sklearn.pipeline.Pipeline", content=[]),
        node("DictNode", "sklearn.pipeline.Pipeline", content={}, key_types=LIST),
        # Trusted as something else
        node("FunctionNode", "sklearn.pipeline.Pipeline"),
        node("ObjectNode", "builtins.dict", content=no_keys()),
        node("TypeNode", "sklearn.metrics._ranking.roc_auc_score"),
        node("NdArrayNode", "sklearn.metrics._ranking.roc_auc_score", type="numpy", file="0.npy"),
    ],
    ids=lambda extra: f"{extra['__loader__']}-{extra['__class__']}",
)
def test_kinds_of_node_that_are_not_listed_are_told(extra, good, tmp_path):
    data = with_schema(good, lambda s: add_attribute(s, "extra", extra))
    name = f"{extra['__module__']}.{extra['__class__']} ({extra['__loader__']})"
    assert f"extra: {name}" in refused(data, tmp_path)


@pytest.mark.parametrize(
    "extra",
    [
        {**text(1), "__id__": 7},
        {**text(1), "more": 1},
        {**text(1), "content": 1},
        {**text(1), "content": "[1]"},
        {**text(1), "content": "{"},
        {},
        [],
        None,
        node("ListNode", "builtins.list", content=3),
        node("ObjectNode", "sklearn.pipeline.Pipeline", content=text("x")),
        node("ObjectNode", "sklearn.pipeline.Pipeline"),
        node(
            "DictNode", "builtins.dict", content={"a": text(1)}, key_types={**LIST, "content": []}
        ),
        node("DictNode", "builtins.dict", content={}, key_types=arguments()),
        node("NdArrayNode", "numpy.ndarray", type="numpy", file="../../etc/passwd"),
        node("NdArrayNode", "numpy.ndarray", type="pickle", file="0.npy"),
        node("SliceNode", "builtins.slice", content={"start": "os"}),
    ],
)
def test_nodes_that_skops_does_not_write_are_refused(extra, good, tmp_path):
    data = with_schema(good, lambda s: add_attribute(s, "extra", extra))
    assert "its content is not what save_model writes" in refused(data, tmp_path)


def test_depth_without_end_is_refused(good, tmp_path):
    deep = '{"__loader__":"ListNode","__module__":"builtins","__class__":"list","content":['
    schema = f"{deep * 5000}{']}' * 5000}".replace("{", '{"protocol":2,"_skops_version":"0",', 1)
    model = pack({"schema.json": schema.encode()})
    assert "RecursionError" in refused(forged(good, model=model), tmp_path)


@pytest.mark.parametrize("protocol", [0, 1, 3, None, "2"])
def test_another_format_of_skops_is_refused(protocol, good, tmp_path):
    data = with_schema(good, lambda s: s.update(protocol=protocol))
    assert f"version {protocol!r} of skops' format" in refused(data, tmp_path)


# Trusted types with state that they were not meant to have


def test_a_transformer_with_a_function_is_refused_and_would_have_called_it(canary, good, tmp_path):
    model = make_pipeline(
        FunctionTransformer(partial(np.savetxt, str(canary))), LogisticRegression().fit(X, Y)
    )
    data = forged(good, model=skops_io.dumps(model))
    assert "__id__" in refused(data, tmp_path)
    inner = unpack(unpack(data)["model.skops"])
    schema = json.loads(inner["schema.json"], object_hook=without_ids)
    data = forged(good, model=pack({**inner, "schema.json": json.dumps(schema).encode()}))
    assert "steps[0][1].func: a function is code" in refused(data, tmp_path)
    assert not canary.exists()
    with pytest.raises(ValueError, match="None"):
        load_trusting(data).predict(X)
    assert canary.exists()


def without_ids(value):
    return {key: content for key, content in value.items() if key != "__id__"}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("callbacks", node("ListNode", "builtins.list", content=[text("x")])),
        ("callbacks", text("x")),
        ("callbacks", node("TypeNode", "builtins.str")),
        ("net_", text("x")),
        ("net_", node("ListNode", "builtins.list", content=[text(1)])),
    ],
)
def test_a_classifier_takes_no_callbacks_and_no_net_from_a_file(attribute, value, good, tmp_path):
    def change(schema):
        attributes(schema).pop(attribute, None)
        keys = len(attributes(schema))
        del schema["content"]["key_types"]["content"][keys:]
        add_attribute(schema, attribute, value)

    message = refused(with_schema(good, change), tmp_path)
    assert f"{attribute}: " in message


def test_callbacks_do_not_come_in_through_the_fitted_parameters(good, network, tmp_path):
    def change(schema):
        kept = attributes(schema)["_fitted_params"]
        kept["content"]["callbacks"] = node("ListNode", "builtins.list", content=[text("x")])
        kept["key_types"]["content"].append(node("TypeNode", "builtins.str"))

    path = tmp_path / "model.tde"
    path.write_bytes(with_schema(good, change))
    loaded = load_model(path)
    assert [name for name, _ in loaded.net_.callbacks] == [n for n, _ in network.net_.callbacks]


def test_a_cache_does_not_come_in(good, tmp_path):
    path = tmp_path / "model.tde"
    save_model(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), path)
    data = with_schema(
        path.read_bytes(), lambda s: attributes(s).update(memory=text("/tmp/of/mine"))
    )
    assert "memory: a cache is a folder of pickles" in refused(data, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_dim", 10**6),
        ("hidden_dim", 10**30),
        ("hidden_dim", 0),
        ("hidden_dim", -1),
        ("hidden_dim", 2.5),
        ("hidden_dim", "3"),
        ("hidden_dim", None),
        ("num_layers", 10**9),
        ("bidirectional", False),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_network_of_absurd_size_is_not_built(name, value, good, tmp_path):
    def change(schema):
        attributes(schema)["_fitted_params"]["content"][name] = text(value)

    message = refused(with_schema(good, change), tmp_path)
    assert "do not make a model" in message
    if isinstance(value, int) and 0 < value < 10**30:
        # Seen before it takes memory, and not when the weights do not fit.
        assert "the saved weights are not those of" in message


@pytest.mark.parametrize("name", ["_fitted_params", "_is_sequence", "device"])
def test_other_attributes_of_absurd_value_are_refused(name, good, tmp_path):
    data = with_schema(good, lambda s: attributes(s).update({name: text("absurd")}))
    assert "do not make a model" in refused(data, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.model_selection._split.KFold",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn_tde.neural_network._lstm_classifier.LSTMTransientClassifier",
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_what_is_no_fitted_classifier_is_refused(name, good, tmp_path):
    empty = node("ObjectNode", name, content=no_keys())
    schema = {**empty, "protocol": 2, "_skops_version": "0.16.0"}
    model = pack({"schema.json": json.dumps(schema).encode()})
    assert "do not make a model" in refused(forged(good, model=model), tmp_path)


@pytest.fixture(scope="module")
def tree_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "model.tde"
    save_model(DecisionTreeClassifier(random_state=0).fit(X, Y), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("field", "row", "value"),
    [
        ("left_child", 0, 10**6),
        ("right_child", 0, 10**6),
        ("left_child", 0, -5),
        ("right_child", 0, -1),
        ("left_child", 0, 0),
        ("right_child", 1, 0),
        ("feature", 0, 4),
        ("feature", 0, -2),
        ("feature", 0, 10**9),
        # A node with two parents, a node without, half a leaf
        ("right_child", 0, 1),
        ("left_child", -1, 0),
        ("right_child", -1, 1),
    ],
)
def test_a_tree_that_leads_out_of_its_memory_is_refused(field, row, value, tree_file, tmp_path):
    inner = parts(tree_file)[1]
    tree = attributes(json.loads(inner["schema.json"]))["tree_"]
    name = tree["content"]["content"]["nodes"]["file"]
    nodes = np.load(BytesIO(inner[name]))
    assert nodes["left_child"][0] == 1
    nodes[field][row] = value
    buffer = BytesIO()
    np.save(buffer, nodes)
    data = forged(tree_file, model=pack({**inner, name: buffer.getvalue()}))
    assert "tree_: its nodes are no tree" in refused(data, tmp_path)
    # skops itself would have made it.
    assert (
        getattr(
            load_trusting(data).tree_,
            {"left_child": "children_left", "right_child": "children_right"}.get(field, field),
        )[row]
        == value
    )


def test_the_nodes_of_a_tree_are_counted(tree_file, tmp_path):
    def change(schema):
        attributes(schema)["tree_"]["content"]["content"]["node_count"] = text(10**6)

    assert "tree_: its nodes are no tree" in refused(with_schema(tree_file, change), tmp_path)


@pytest.mark.parametrize("depth", [0, -1, 1, 10**9, None, True])
def test_a_tree_is_as_deep_as_it_says(depth, tree_file, tmp_path):
    """`decision_path` makes room for paths of this length, and does not look where it writes."""

    def change(schema):
        content = attributes(schema)["tree_"]["content"]["content"]
        assert json.loads(content["max_depth"]["content"]) > 1
        content["max_depth"] = text(depth)

    message = refused(with_schema(tree_file, change), tmp_path)
    assert "tree_: " in message
    assert ("its nodes are no tree" in message) == (type(depth) is int)


def test_trees_inside_a_forest_are_as_deep_as_they_say(tmp_path):
    path = tmp_path / "model.tde"
    save_model(RandomForestClassifier(n_estimators=2, random_state=0).fit(X, Y), path)

    def change(schema):
        tree = attributes(schema)["estimators_"]["content"][1]["content"]["content"]["tree_"]
        tree["content"]["content"]["max_depth"] = text(0)

    message = refused(with_schema(path.read_bytes(), change), tmp_path)
    assert "estimators_[1].tree_: its nodes are no tree" in message


@pytest.mark.parametrize(
    "params", [{}, {"max_leaf_nodes": 5}, {"ccp_alpha": 0.05}, {"max_depth": 1}], ids=str
)
@pytest.mark.parametrize("labels", [Y, np.zeros(30)], ids=["split", "root alone"])
def test_honest_trees_of_every_shape_pass(params, labels, tmp_path):
    model = DecisionTreeClassifier(random_state=0, **params).fit(X, labels)
    save_model(model, tmp_path / "model.tde")
    loaded = load_model(tmp_path / "model.tde")
    assert loaded.get_depth() == model.get_depth()
    paths = loaded.decision_path(X)
    assert (paths != model.decision_path(X)).nnz == 0
    np.testing.assert_array_equal(loaded.apply(X), model.apply(X))
    np.testing.assert_array_equal(loaded.feature_importances_, model.feature_importances_)


@pytest.mark.parametrize("n_classes", [[0], [-1], [3], [2, 2], []])
def test_the_values_of_a_tree_are_those_of_its_classes(n_classes, tree_file, tmp_path):
    inner = parts(tree_file)[1]
    tree = attributes(json.loads(inner["schema.json"]))["tree_"]
    buffer = BytesIO()
    np.save(buffer, np.array(n_classes, dtype=np.int64))
    inner[tree["__reduce__"]["args"]["content"][1]["file"]] = buffer.getvalue()
    assert "tree_: its nodes are no tree" in refused(forged(tree_file, model=pack(inner)), tmp_path)


def test_a_tree_has_classes(tree_file, tmp_path):
    """A tree without any has no values, which its compiled code would read nevertheless."""
    inner = parts(tree_file)[1]
    tree = attributes(json.loads(inner["schema.json"]))["tree_"]
    values = tree["content"]["content"]["values"]["file"]
    empty = np.load(BytesIO(inner[values]))[:, :, :0]
    n_classes = tree["__reduce__"]["args"]["content"][1]["file"]
    for name, array in ((values, empty), (n_classes, np.zeros(1, dtype=np.int64))):
        buffer = BytesIO()
        np.save(buffer, array)
        inner[name] = buffer.getvalue()
    assert "tree_: its nodes are no tree" in refused(forged(tree_file, model=pack(inner)), tmp_path)


def test_the_values_of_a_tree_have_its_shape(tree_file, tmp_path):
    inner = parts(tree_file)[1]
    content = attributes(json.loads(inner["schema.json"]))["tree_"]["content"]["content"]
    buffer = BytesIO()
    np.save(buffer, np.load(BytesIO(inner[content["values"]["file"]]))[:, :, :1])
    inner[content["values"]["file"]] = buffer.getvalue()
    assert "tree_: its nodes are no tree" in refused(forged(tree_file, model=pack(inner)), tmp_path)


@pytest.mark.parametrize("field", ["nodes", "values"])
def test_the_arrays_of_a_tree_are_arrays(field, tree_file, tmp_path):
    def change(schema):
        array = attributes(schema)["tree_"]["content"]["content"][field]
        array.update({"__class__": "float64"})

    message = refused(with_schema(tree_file, change), tmp_path)
    assert "numpy.float64 in the place of an array" in message


def test_the_arguments_of_a_tree_have_an_order(tree_file, tmp_path):
    def change(schema):
        attributes(schema)["tree_"]["__reduce__"]["args"].update(
            {"__loader__": "SetNode", "__class__": "set"}
        )

    assert "tree_: it is no tree" in refused(with_schema(tree_file, change), tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        # Without an order: 9.0 is looked for, and found behind the end.
        node(
            "NdArrayNode",
            "numpy.ndarray",
            type="json",
            content=[text(value) for value in (9.0, float("nan"), 1.0, 2.0, 3.0)],
            shape=node("TupleNode", "builtins.tuple", content=[text(5)]),
        ),
        node("ListNode", "builtins.list", content=[text(0), text(1)]),
        text(None),
    ],
    ids=["objects", "list", "none"],
)
def test_labels_that_are_counted_are_plain_arrays(labels, tmp_path):
    path = tmp_path / "model.tde"
    save_model(OneVsRestClassifier(LogisticRegression()).fit(X, Y), path)

    def change(schema):
        attributes(attributes(schema)["label_binarizer_"])["classes_"] = labels

    message = refused(with_schema(path.read_bytes(), change), tmp_path)
    assert "label_binarizer_.classes_: " in message
    assert "in the place of an array of plain values" in message


def test_labels_of_text_objects_pass(tmp_path):
    y = np.array(["SN Ia", "TDE"] * 15, dtype=object)
    model = OneVsRestClassifier(LogisticRegression()).fit(X, y)
    save_model(model, tmp_path / "model.tde")
    np.testing.assert_array_equal(load_model(tmp_path / "model.tde").predict(X), model.predict(X))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: attributes(s).update(n_features_in_=text(3)),
        lambda s: attributes(s).update(n_features_in_=text(None)),
        lambda s: attributes(s).pop("n_features_in_"),
        lambda s: attributes(s)["tree_"]["__reduce__"]["args"]["content"].__setitem__(0, text(9)),
        lambda s: attributes(s)["tree_"]["__reduce__"]["args"]["content"].__setitem__(2, text(9)),
        lambda s: attributes(s)["tree_"]["__reduce__"]["args"]["content"].pop(),
        lambda s: attributes(s).update(tree_=text("x")),
    ],
)
def test_a_tree_fits_its_estimator(change, tree_file, tmp_path):
    assert "its content is not what" in refused(with_schema(tree_file, change), tmp_path)


def test_a_tree_stands_in_its_place_only(tree_file, tmp_path):
    def move(schema):
        attributes(schema)["criterion"] = attributes(schema)["tree_"]

    message = refused(with_schema(tree_file, move), tmp_path)
    assert "criterion: sklearn.tree._tree.Tree (TreeNode)" in message


# Boosted trees


@pytest.fixture(scope="module")
def boosted():
    return HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def boosted_file(boosted, tmp_path_factory):
    path = tmp_path_factory.mktemp("boosted") / "model.tde"
    save_model(boosted, path)
    return path.read_bytes()


def with_array(good, locate, array):
    """A file in which one array is another one."""
    inner = parts(good)[1]
    schema = json.loads(inner["schema.json"])
    locate(schema)["file"] = "other.npy"
    buffer = BytesIO()
    np.save(buffer, array)
    inner = {**inner, "other.npy": buffer.getvalue(), "schema.json": json.dumps(schema).encode()}
    used = inner["schema.json"].decode()
    kept = {name: content for name, content in inner.items() if name in used or "json" in name}
    return forged(good, model=pack(kept))


def second_tree(schema):
    return attributes(attributes(schema)["_predictors"]["content"][1]["content"][0])


@pytest.mark.parametrize(
    ("field", "row", "value"),
    [
        ("left", 0, 10**6),
        ("right", 0, 10**6),
        ("feature_idx", 0, 4),
        ("feature_idx", 0, -1),
        ("feature_idx", 0, 10**9),
        # A circle, a node with two parents, a leaf that is none
        ("left", 0, 0),
        ("right", 0, 1),
        ("is_leaf", -1, 0),
        # A leaf in the middle, below which there are others
        ("is_leaf", 0, 1),
        ("is_categorical", 0, 1),
    ],
)
def test_a_boosted_tree_that_leads_out_of_its_memory_is_refused(
    field, row, value, boosted, boosted_file, tmp_path
):
    nodes = boosted._predictors[1][0].nodes.copy()
    nodes[field][row] = value
    data = with_array(boosted_file, lambda s: second_tree(s)["nodes"], nodes)
    assert "_predictors[1][0]: its nodes are no tree" in refused(data, tmp_path)
    # skops itself would have made it.
    assert load_trusting(data)._predictors[1][0].nodes[field][row] == value


@pytest.mark.parametrize(
    "change",
    [
        lambda nodes: nodes[:0],
        lambda nodes: nodes[np.newaxis],
        lambda nodes: nodes["left"],
        lambda nodes: nodes.astype([(name, "f8") for name in nodes.dtype.names]),
    ],
    ids=["none", "two-dimensional", "one field", "other fields"],
)
def test_the_nodes_of_a_boosted_tree_are_those_of_scikit_learn(
    change, boosted, boosted_file, tmp_path
):
    nodes = change(boosted._predictors[1][0].nodes)
    data = with_array(boosted_file, lambda s: second_tree(s)["nodes"], nodes)
    assert "_predictors[1][0]: its nodes are no tree" in refused(data, tmp_path)


@pytest.mark.parametrize(
    ("locate", "array", "expected"),
    [
        (
            lambda s: second_tree(s)["raw_left_cat_bitsets"],
            np.ones((1, 8), np.uint32),
            "_predictors[1][0]: its nodes are no tree",
        ),
        (
            lambda s: attributes(s)["_baseline_prediction"],
            np.zeros((1, 2)),
            "_predictors: it has another number of trees",
        ),
        (
            lambda s: [
                attributes(s).update(n_features_in_=text(1)),
                attributes(attributes(s)["_bin_mapper"])["is_categorical_"],
            ][1],
            np.zeros(1, np.uint8),
            "its nodes are no tree",
        ),
        (
            lambda s: attributes(attributes(s)["_bin_mapper"])["is_categorical_"],
            np.zeros(3, np.uint8),
            "_bin_mapper: it does not bin the columns",
        ),
        (
            lambda s: attributes(attributes(s)["_bin_mapper"])["is_categorical_"],
            np.ones(4, np.uint8),
            "_bin_mapper: it does not bin the columns",
        ),
    ],
)
def test_the_arrays_of_a_boosted_model_fit_together(
    locate, array, expected, boosted_file, tmp_path
):
    assert expected in refused(with_array(boosted_file, locate, array), tmp_path)


def generator(schema):
    return attributes(schema)["_feature_subsample_rng"]["content"]


def loss(schema):
    return attributes(attributes(schema)["_loss"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: attributes(s).update(n_features_in_=text(1)), "does not bin the columns"),
        (lambda s: attributes(s).update(n_features_in_=text(None)), "does not bin the columns"),
        (lambda s: attributes(s).update(n_features_in_=text(4.0)), "float in the place of int"),
        (lambda s: attributes(s).update(n_trees_per_iteration_=text(10**9)), "number of trees"),
        # Columns are not compared any more, or by something else.
        (lambda s: add_attribute(s, "_in_fit", text(True)), "_in_fit: not an attribute"),
        (lambda s: attributes(s).update(_preprocessor=text("x")), "columns of categories are not"),
        (lambda s: attributes(s).update(is_categorical_=text(1)), "columns of categories are not"),
        (lambda s: attributes(s).update(warm_start=text(True)), "set warm_start=False"),
        # Losses with other numbers of classes
        (lambda s: attributes(s).update(loss=attributes(s)["_loss"]), "in the place of a name"),
        (lambda s: attributes(s).update(_loss=text("log_loss")), "builtins.str in the place of"),
        (lambda s: loss(s)["closs"].update({"__class__": "CyHuberLoss"}), "of a compiled loss"),
        (
            lambda s: loss(s)["closs"]["__reduce__"].update(args=arguments(1.0)),
            "a compiled loss has no parameters",
        ),
        (lambda s: loss(s)["closs"].update(content=arguments(1.0)), "loss has no parameters"),
        (lambda s: loss(s)["link"].update({"__class__": "LogLink"}), "in the place of a link"),
        (lambda s: loss(s)["link"].update(content=arguments("x")), "a link has no attributes"),
        # Generators of other kinds and of absurd size
        (
            lambda s: generator(s)["bit_generator"]["content"].update(bit_generator=text("seed")),
            "its generator is not PCG64",
        ),
        (
            lambda s: generator(s)["seed_seq"]["content"].update(pool_size=text(10**12)),
            "has another size than 4",
        ),
        (
            lambda s: attributes(s)["_feature_subsample_rng"].update({"__class__": "RandomState"}),
            "in the place of a generator",
        ),
        # Lists that are none
        (lambda s: attributes(s).update(_predictors=text(1)), "in the place of a list"),
        (
            lambda s: attributes(s)["_predictors"]["content"].append(
                node("ListNode", "builtins.list", content=[])
            ),
            "_predictors[2]: 0 in the place of 1 trees",
        ),
        (
            lambda s: attributes(s)["_predictors"]["content"][0].update(content=[text(1)]),
            "_predictors[0][0]: builtins.str in the place of",
        ),
    ],
)
def test_the_attributes_of_a_boosted_model_fit_together(change, expected, boosted_file, tmp_path):
    assert expected in refused(with_schema(boosted_file, change), tmp_path)


@pytest.mark.parametrize(
    "attribute", ["_bin_mapper", "_feature_subsample_rng", "_loss", "_predictors"]
)
def test_parts_of_a_boosted_model_stand_in_their_place_only(attribute, boosted_file, tmp_path):
    """In a pipeline, a mapper to bins would read more columns than there are."""

    def move(schema):
        attributes(schema)["class_weight"] = attributes(schema)[attribute]

    assert "class_weight" in (message := refused(with_schema(boosted_file, move), tmp_path))
    assert "Node)" in message


# The list itself


def test_every_listed_type_exists_and_is_what_it_is_listed_as():
    for loader, names in TRUSTED_TYPES.items():
        for name in names:
            module, _, attribute = name.rpartition(".")
            value = getattr(__import__(module, fromlist=[attribute]), attribute)
            if loader == "FunctionNode":
                assert callable(value)
                assert not isinstance(value, type)
            else:
                assert isinstance(value, type), name


def test_no_listed_type_has_a_constructor_or_a_state_setter_of_its_own_that_is_not_known():
    """Those that skops calls while it loads: seen, and found to run nothing."""
    known = {
        "sklearn.base.BaseEstimator.__setstate__",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor.__setstate__",
        "sklearn.isotonic.IsotonicRegression.__setstate__",
        "sklearn_tde.neural_network._base.BaseSequenceClassifier.__setstate__",
    }
    found = set()
    for name in {*TRUSTED_TYPES["ObjectNode"], *LOSSES, *LINKS, BIN_MAPPER, PREDICTOR}:
        module, _, attribute = name.rpartition(".")
        cls = getattr(__import__(module, fromlist=[attribute]), attribute)
        for method in ("__setstate__", "__new__"):
            owner = next((c for c in cls.__mro__ if method in vars(c)), object)
            if owner is not object:
                found.add(f"{owner.__module__}.{owner.__qualname__}.{method}")
    assert found <= known, found - known


def test_the_list_names_nothing_by_pattern_and_no_code():
    names = all_trusted_types()
    forbidden = ("functools", "operator", "os", "posix", "subprocess", "builtins.eval", "joblib")
    assert not [name for name in names if name.startswith(forbidden) or "*" in name]
    functions = TRUSTED_TYPES["FunctionNode"]
    assert all(
        name.startswith(
            ("sklearn.feature_selection.", "sklearn.metrics.", "sklearn_tde.evaluation.")
        )
        for name in functions
    )


def test_a_scorer_brings_no_function_of_its_own(good, tmp_path):
    archive = unpack(skops_io.dumps(make_scorer(os.system)))
    scorer = json.loads(archive["schema.json"], object_hook=without_ids)
    del scorer["protocol"], scorer["_skops_version"]
    data = with_schema(good, lambda s: add_attribute(s, "extra", scorer))
    assert "extra._score_func: posix.system (TypeNode)" in refused(data, tmp_path)
