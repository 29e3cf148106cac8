"""TOML and YAML files with the line of each field; what they may do to a reader."""

import builtins

import pytest

from simmanager.base.errors import BatchFileError, PackageMissing
from simmanager.batch.document import MAX_BYTES, read_document

TOML = '''\
# not = a key
title = "a # no comment"
text = """
seed = 3
[no.table]
"""
other = \'\'\'
x = 1\'\'\'
numbers = [
  1,  # one ]
  2,
]
dotted.key = 1
"quoted.key" = 2
'literal key' = 3

[table]
a = 1
inner = { b = 1, c = { d = 2 } }

  [table.deep]  # comment ]
  e = 1

[[simulations]]
id = "a=b"
[simulations.params]
lr = 1

[[simulations]]
id = "b"
  [[simulations.parts]]
  x = 1
  [[simulations.parts]]
  x = 2
[simulations."odd ] name"]
y = 3
[last]
list = [
  { z = 1 },
  { z = 2 }, { z = 3 },
]
'''

TOML_LINES = {
    ("title",): 2,
    ("text",): 3,
    ("other",): 7,
    ("numbers",): 9,
    ("numbers", 1): 9,
    ("dotted",): 13,
    ("dotted", "key"): 13,
    ("quoted.key",): 14,
    ("literal key",): 15,
    ("table",): 17,
    ("table", "a"): 18,
    ("table", "inner"): 19,
    ("table", "inner", "c", "d"): 19,
    ("table", "deep"): 21,
    ("table", "deep", "e"): 22,
    ("simulations", 0): 24,
    ("simulations", 0, "id"): 25,
    ("simulations", 0, "params"): 26,
    ("simulations", 0, "params", "lr"): 27,
    ("simulations", 1): 29,
    ("simulations", 1, "id"): 30,
    ("simulations", 1, "parts", 0, "x"): 32,
    ("simulations", 1, "parts", 1): 33,
    ("simulations", 1, "parts", 1, "x"): 34,
    ("simulations", 1, "odd ] name", "y"): 36,
    ("last", "list", 0, "z"): 39,
    ("last", "list", 1, "z"): 40,
    ("last", "list", 2, "z"): 40,
    ("nowhere",): 1,
    (): 1,
}

YAML = """\
# a comment
title: text
numbers:
  - 1
  - 2
table: &base
  a: 1
  inner: {b: 1,
    c: 2}
simulations:
  - id: a
    params:
      lr: 1e-3
  - <<: *base
    id: b
text: |
  seed: 3
alias: *base
"""

YAML_LINES = {
    ("title",): 2,
    ("numbers",): 3,
    ("numbers", 1): 5,
    ("table",): 6,
    ("table", "a"): 7,
    ("table", "inner", "c"): 9,
    ("simulations", 0): 11,
    ("simulations", 0, "params", "lr"): 13,
    ("simulations", 1): 14,
    ("simulations", 1, "id"): 15,
    ("simulations", 1, "a"): 14,
    ("text",): 16,
    ("text", "seed"): 16,
    ("alias",): 18,
}


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(tmp_path, name, text):
    with pytest.raises(BatchFileError) as caught:
        read_document(written(tmp_path, name, text))
    return str(caught.value).removeprefix(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("file.toml", TOML, TOML_LINES),
        ("dos.toml", TOML.replace("\n", "\r\n"), TOML_LINES),
        ("file.yaml", YAML, YAML_LINES),
        ("file.yml", YAML.replace("\n", "\r\n"), YAML_LINES),
    ],
)
def test_each_field_has_its_line(tmp_path, name, text, lines):
    document = read_document(written(tmp_path, name, text))
    assert {where: document.line(where) for where in lines} == lines


def test_both_say_the_same(tmp_path):
    toml = "a = 1\nb = 0.001\nc = true\nd = [1, 'x']\n[e]\nf = -1e+3\n"
    yaml = "a: 1\nb: 1e-3\nc: true\nd: [1, x]\ne: {f: -1e3}\n"
    one = read_document(written(tmp_path, "one.toml", toml)).content
    other = read_document(written(tmp_path, "other.yaml", yaml)).content
    assert one == other == {"a": 1, "b": 0.001, "c": True, "d": [1, "x"], "e": {"f": -1000.0}}


def test_an_error_names_file_line_and_field(tmp_path):
    document = read_document(written(tmp_path, "file.toml", TOML))
    error = document.error(("simulations", 1, "parts", 0, "x"), "it is odd.")
    assert str(error) == f"{tmp_path}/file.toml:32: simulations[1].parts[0].x: it is odd."
    assert str(document.error((), "it is odd.")) == f"{tmp_path}/file.toml:1: it is odd."


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("[a]\n\n[a]\n", 3), ("a = @\n", 1), ("x = [1,\n2", 2), ("\0", 1)],
)
def test_toml_that_is_none_is_refused_with_the_line(tmp_path, text, line):
    assert refused(tmp_path, "bad.toml", text).startswith(f":{line}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [\n", ":3: "),
        ("a: 1\n  b: 2\n", ":2: "),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", ":5: 'c' is given twice"),
        ("a: *nobody\n", ":1: found undefined alias"),
        ("a: 1\nb: !!python/object/apply:os.system ['echo']\n", ":2: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", ":2: "),
        ("? [1, 2]\n: 3\n", ":1: found unhashable key"),
        ("a: 2024-13-45\n", ": month must be in 1..12"),
        ("a: \x07\n", ": unacceptable character"),
        ("", " is empty"),
        ("# nothing\n", " is empty"),
    ],
)
def test_yaml_that_is_none_is_refused_with_the_line(tmp_path, text, words):
    assert refused(tmp_path, "bad.yaml", text).startswith(words)


def test_aliases_cannot_grow_without_end(tmp_path):
    levels = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    for bomb in (f"a: &a [1, 2]\n{levels}", "a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a [*a, *a]\n"):
        assert "with what aliases repeat" in refused(tmp_path, "bomb.yaml", bomb)


@pytest.mark.parametrize(("name", "text"), [("deep.toml", "a = " + "[" * 5000 + "]" * 5000), ("d.yaml", "[" * 500)])
def test_values_that_are_nested_too_deeply_are_refused(tmp_path, name, text):
    assert "nested too deeply" in refused(tmp_path, name, text)


def test_files_that_are_too_large_or_no_text_are_refused(tmp_path):
    assert "too many" in refused(tmp_path, "large.toml", "#" * (MAX_BYTES + 1))
    assert refused(tmp_path, "latin.toml", b"a = 1\nb = '\xe9'\n").startswith(":2: this is no UTF-8 text")
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(BatchFileError, match="There is no file"):
            read_document(path)


def test_without_pyyaml_yaml_is_refused_with_the_extra_and_toml_is_read(tmp_path, monkeypatch):
    original = builtins.__import__

    def importing(name, *words, **options):
        if name == "yaml":
            raise ImportError(name)
        return original(name, *words, **options)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(PackageMissing, match=r"pip install 'simmanager\[yaml\]'"):
        read_document(written(tmp_path, "file.yaml", "a: 1"))
    assert read_document(written(tmp_path, "file.toml", "a = 1")).content == {"a": 1}
