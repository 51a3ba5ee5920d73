"""The outputs of a notebook as the text of a log: streams, results, tables and tracebacks of all cells in order."""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

from kb.read.decode import mend_surrogates


def is_notebook(value: object) -> bool:
    """Whether a JSON value is a notebook."""
    return isinstance(value, dict) and any(isinstance(value.get(key), list) for key in ("cells", "worksheets"))


def iter_outputs(notebook: Mapping[str, object]) -> Iterator[str]:
    """The texts of all outputs, each ended by a line end."""
    for cell in _iter_cells(notebook):
        for output in _list_dicts(cell.get("outputs")):
            text = mend_surrogates(_read_output(output))
            if text:
                yield text if text.endswith("\n") else text + "\n"


def _iter_cells(notebook: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    yield from _list_dicts(notebook.get("cells"))
    for sheet in _list_dicts(notebook.get("worksheets")):  # notebooks of format 3 and older
        yield from _list_dicts(sheet.get("cells"))


def _list_dicts(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _read_output(output: Mapping[str, object]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        traceback = output.get("traceback")
        if isinstance(traceback, list) and traceback:
            return "\n".join(str(part) for part in traceback)
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    data = output.get("data")
    if isinstance(data, dict):
        # fastai and the HF Trainer show their table of epochs as HTML alone.
        return _read_tables(_join(data.get("text/html"))) or _join(data.get("text/plain"))
    return _join(output.get("text"))


def _join(value: object) -> str:
    """A text that a notebook may hold as a list of lines."""
    if isinstance(value, list):
        return "".join(str(part) for part in value)
    return value if isinstance(value, str) else ""


class _TableParser(HTMLParser):
    """Collects the rows of the tables in an HTML text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and self.rows and self.rows[-1]:
            self.rows[-1][-1] += " ".join(data.split())


def _read_tables(html: str) -> str:
    """The tables of an HTML text as lines with tabs between the cells."""
    if "<t" not in html:
        return ""
    parser = _TableParser()
    parser.feed(html)
    parser.close()
    return "".join("\t".join(row) + "\n" for row in parser.rows if any(row))
