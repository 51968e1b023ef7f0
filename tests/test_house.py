"""The house's own rules: short files, short functions, no word of a machine."""

import ast
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FILE_LINES = 400
FUNCTION_LINES = 50
EXCEPTION = re.compile(r"^\s*# long: \S+", re.MULTILINE)
ADDRESS = re.compile(
    r"(^|[^\w.])/(work|root|farm|home)/[A-Za-z.]|https?://\S*(pypi\.org/simple|files\.pythonhosted)"
)


def too_long(text):
    """Return what breaks the rule of length in a file's text, one sentence each."""
    if EXCEPTION.search(text):
        return []
    found = []
    lines = text.count("\n")
    if lines > FILE_LINES:
        found.append(f"the file has {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{node.name} has {length} lines")
    return found


def own_files():
    """Return all files that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, capture_output=True, text=True
    )
    if listed.returncode == 0:
        names = [TOP / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        names = [path for path in TOP.rglob("*") if not {".venv", "var", ".git"} & set(path.parts)]
    return [path for path in names if path.is_file()]


def test_no_file_over_400_lines_and_no_function_over_50():
    sources = [path for path in own_files() if path.suffix == ".py" and "migrations" not in path.parts]
    assert len(sources) > 20
    found = {str(path.relative_to(TOP)): too_long(path.read_text()) for path in sources}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_the_rule_of_length_sees_long_files_and_functions():
    assert too_long("x = 1\n" * 401) == ["the file has 401 lines"]
    body = "    x = 1\n" * 50
    assert too_long(f"def f():\n{body}") == ["f has 51 lines"]
    assert too_long(f"# long: one table\ndef f():\n{body}") == []


def test_no_file_names_a_machines_path_or_an_index():
    found = []
    for path in own_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and ADDRESS.search(text):
            found.append(str(path.relative_to(TOP)))
    assert found == []
