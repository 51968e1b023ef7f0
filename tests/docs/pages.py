"""Reads the documentation: pages, fenced blocks, commands, sections, links."""

import re
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
DOCS = TOP / "docs"
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `note` is the HTML comment on the line before it."""

    language: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Command:
    """A command of a console block, and what the page says that it prints."""

    line: str
    output: tuple[str, ...]


def pages() -> list[Path]:
    """Return the README and every page of docs/."""
    return [TOP / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(found["language"], found["text"], found["note"] or "")
        for found in FENCE.finditer(page.read_text())
    ]


def commands(page: Path) -> list[Command]:
    """Return the commands of a page's console and sh blocks, in order."""
    return [command for block in blocks(page) for command in commands_of(block)]


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a console or sh block."""
    if block.language == "console":
        return _console(block.text)
    if block.language != "sh":
        return []
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    return [Command(line.strip(), ()) for line in lines if line.strip() and line.strip()[0] != "#"]


def _console(text: str) -> list[Command]:
    found: list[tuple[str, list[str]]] = []
    for line in re.sub(r"\\\n>?\s*", " ", text).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line and found:
            found[-1][1].append(line)
    return [Command(line, tuple(output)) for line, output in found]


def sections(page: Path) -> dict[str, str]:
    """Return heading -> text below it, for the second-level headings of a page."""
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in found}


def links(page: Path) -> list[str]:
    """Return the relative links of a page, pictures included."""
    text = FENCE.sub("", page.read_text())
    return [link for link in LINK.findall(text) if "://" not in link and not link.startswith("#")]
