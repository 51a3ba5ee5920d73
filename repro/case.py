"""The form of a case: what `case.toml` says, loaded into a frozen model and validated.

A case is a folder that holds `case.toml`, `README.md`, `buggy.py`, `fixed.py` and the two recorded logs. This
module knows the first of them; `repro.form` checks the others.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from repro.errors import CaseError

Value = TypeVar("Value")

MIN_SYMPTOMS = 8
MAX_SUMMARY = 100
MAX_CHANGED_LINES = 8
"""Changed lines between the two scripts of a case, unless its `diff_reason` says why there are more."""

ID_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
"""A family and a name in lower case, joined by hyphens: `gait-transpose`."""


class System(StrEnum):
    """What was being trained, or the family of a general case."""

    GAIT = "gait"
    SIGN = "sign"
    RIS = "ris"
    VISION = "vision"
    DATA = "data"
    MODEL = "model"
    LOSS = "loss"
    LOOP = "loop"
    OPTIM = "optim"
    PREC = "prec"
    EVAL = "eval"
    CKPT = "ckpt"
    LM = "lm"
    GAN = "gan"
    SSL = "ssl"
    FIT = "fit"
    ENV = "env"
    DIST = "dist"
    OTHER = "other"


class Kind(StrEnum):
    """How the failure shows itself."""

    SILENT = "silent"
    UNSTABLE = "unstable"
    CRASH = "crash"
    MASKED = "masked"


class Severity(StrEnum):
    """What it costs: a run's whole result, a good part of it, or time."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Stage(StrEnum):
    """The part of a training program where the bug sits."""

    DATA = "data"
    MODEL = "model"
    LOSS = "loss"
    LOOP = "loop"
    OPTIM = "optim"
    PRECISION = "precision"
    EVAL = "eval"
    CHECKPOINT = "checkpoint"
    ENVIRONMENT = "environment"
    SCALE = "scale"


class Side(StrEnum):
    """The two scripts of a case."""

    BUGGY = "buggy"
    FIXED = "fixed"


def _require_single_line(text: str) -> str:
    if "\n" in text:
        raise PydanticCustomError("one_line", "must be one line")
    return text


def _require_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise PydanticCustomError(
            "case_id", "is not an id; write lower case words joined by hyphens, such as gait-transpose"
        )
    return text


def _require_one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise PydanticCustomError("regex", "is no regular expression ({reason})", {"reason": str(error)}) from None
    if groups != 1:
        raise PydanticCustomError(
            "regex_groups",
            "has {groups} groups; exactly one must capture the value to plot",
            {"groups": groups},
        )
    return pattern


def _require_distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    for value in values:
        if values.count(value) > 1:
            raise PydanticCustomError("twice", "lists {value} twice", {"value": repr(value)})
    return values


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_require_single_line)]
CaseId = Annotated[str, AfterValidator(_require_id)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
ErrorText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*(: .+)?$")]
CaseIds = Annotated[tuple[CaseId, ...], AfterValidator(_require_distinct)]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(_Form):
    """One number that both scripts measure."""

    meaning: Line = Field(description="what the number measures, for somebody who has not read the script")
    higher_is_better: StrictBool = Field(description="true or false, without quotes")


class Bound(_Form):
    """Where a measured value must lie. Bounds, never equalities: they hold on every seed and other CPUs."""

    min: float | None = Field(
        default=None, strict=True, allow_inf_nan=False, description="a number: the least value that fits"
    )
    max: float | None = Field(
        default=None, strict=True, allow_inf_nan=False, description="a number: the greatest value that fits"
    )
    finite: Literal[False] | None = Field(default=None, description="false: the value must be nan, inf or -inf")

    @model_validator(mode="after")
    def _check(self) -> "Bound":
        if self.finite is False:
            if self.min is not None or self.max is not None:
                raise PydanticCustomError("bound", "finite = false stands alone, without min and max")
        elif self.min is None and self.max is None:
            raise PydanticCustomError("bound", "bounds nothing; give min, max, both, or finite = false")
        elif self.low > self.high:
            raise PydanticCustomError("bound", "has its min above its max")
        return self

    @property
    def low(self) -> float:
        return -math.inf if self.min is None else self.min

    @property
    def high(self) -> float:
        return math.inf if self.max is None else self.max

    def holds(self, value: float) -> bool:
        """Whether a measured value lies within. A value that is not finite fits only `finite = false`."""
        if not math.isfinite(value):
            return self.finite is False
        return self.finite is None and self.low <= value <= self.high

    def is_disjoint(self, other: "Bound") -> bool:
        """Whether no value can fit both bounds."""
        if self.finite is False or other.finite is False:
            return self.finite is not other.finite
        return self.high < other.low or other.high < self.low

    def __str__(self) -> str:
        if self.finite is False:
            return "not finite"
        if self.min is None:
            return f"≤ {self.max:g}"
        if self.max is None:
            return f"≥ {self.min:g}"
        return f"{self.min:g} to {self.max:g}"


class Expectation(_Form):
    """What one script must do: end with metrics within bounds, or raise an error."""

    error: ErrorText | None = Field(
        default=None, description='the class and a part of the message, such as "ValueError: too short"'
    )
    bounds: Mapping[str, Bound] = Field(default={}, description="a bound for each metric that matters")

    @model_validator(mode="before")
    @classmethod
    def _gather_bounds(cls, data: Any) -> Any:
        """In the file, bounds stand beside `error`, one key a metric."""
        if not isinstance(data, dict):
            return data
        named = {key: value for key, value in data.items() if key != "error"}
        return {**({"error": data["error"]} if "error" in data else {}), "bounds": named}

    @property
    def error_class(self) -> str:
        return (self.error or "").partition(": ")[0]

    @property
    def error_message(self) -> str:
        return (self.error or "").partition(": ")[2]


class Expectations(_Form):
    """What the scripts must do, and what may not differ between them."""

    buggy: Expectation = Field(description="a table: the error, or a bound for each metric")
    fixed: Expectation = Field(description="a table: the error, or a bound for each metric")
    both: Expectation = Field(
        default=Expectation(), description="bounds that hold on both sides: what the bug does not change"
    )

    def on(self, side: Side) -> Expectation:
        """What is expected on one side, with the bounds that hold on both."""
        own = self.buggy if side is Side.BUGGY else self.fixed
        if own.error is not None:
            return own
        return own.model_copy(update={"bounds": {**own.bounds, **self.both.bounds}})


class Curve(_Form):
    """The quantity whose course over the log shows the failure best."""

    name: Line = Field(description="what is plotted, as its axis is to be labelled")
    pattern: Annotated[str, AfterValidator(_require_one_group)] = Field(
        description="a regular expression that finds the value in a log line, by its one group"
    )


class Case(_Form):
    """One documented training failure, as its `case.toml` describes it."""

    id: CaseId = Field(description="the folder's name; it never changes once it is published")
    title: Line = Field(description="the failure in a few words")
    summary: Annotated[Line, StringConstraints(max_length=MAX_SUMMARY)] = Field(
        description=f"one sentence of at most {MAX_SUMMARY} characters"
    )
    system: System = Field(description="what was being trained, or the family of the case")
    kind: Kind = Field(description="how the failure shows itself")
    severity: Severity = Field(description="what it costs")
    stage: Stage = Field(description="where in a training program the bug sits")
    keywords: Annotated[tuple[Line, ...], Field(min_length=1), AfterValidator(_require_distinct)] = Field(
        description="words that somebody would search for"
    )
    symptoms: Annotated[tuple[Line, ...], Field(min_length=MIN_SYMPTOMS), AfterValidator(_require_distinct)] = Field(
        description=f"{MIN_SYMPTOMS} or more, each in the words of somebody who has the problem and not the cause"
    )
    origin: Line = Field(description="the report or the public thread that documents the incident")
    references: Annotated[tuple[Url, ...], AfterValidator(_require_distinct)] = Field(
        default=(), description="addresses of public threads, papers or docs that show the same failure"
    )
    rule_out_first: CaseIds = Field(default=(), description="ids of the cases to exclude before this one is believed")
    lookalikes: CaseIds = Field(default=(), description="ids of the cases that look the same")
    simulated: str = Field(default="", description="why, where the environment itself is simulated")
    diff_reason: str = Field(default="", description=f"why more than {MAX_CHANGED_LINES} lines differ, where they do")
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_require_distinct)
    ] = Field(description="the seeds on which every bound holds")
    curve: Curve | None = Field(default=None, description="the quantity to plot, where a log has one")
    metrics: Mapping[str, Metric] = Field(
        description="a table for each number in the scripts' metrics line, with its meaning"
    )
    expect: Expectations = Field(description="the tables expect.buggy and expect.fixed")

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder that the case was loaded from, absolute."""
        return self._folder

    def script(self, side: Side) -> Path:
        """Path of one of the two scripts."""
        return self._folder / f"{side}.py"

    def log(self, side: Side) -> Path:
        """Path of the recorded log of one side."""
        return self._folder / f"{side}.log"

    @property
    def readme(self) -> Path:
        return self._folder / "README.md"


# ---- loading ---------------------------------------------------------------------------------


def load_case(folder: Path) -> Case:
    """Load and validate one case folder.

    Raises:
        CaseError: `case.toml` is missing, is not TOML, or breaks the form. The message has one line a fault,
            each with the file, the key and what would be right.

    """
    path = folder / "case.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CaseError(f"{path}: is missing; every case folder has one (`repro new` writes a template)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{path}: is not TOML: {error}") from None
    try:
        case = Case.model_validate(data)
    except ValidationError as error:
        faults = [_describe(detail) for detail in error.errors()]
    else:
        faults = list(chain(_contradictions(case), _misplaced(case, folder)))
    if faults:
        raise CaseError("\n".join(f"{path}: {fault}" for fault in faults))
    case._folder = folder.resolve()
    return case


def _misplaced(case: Case, folder: Path) -> Iterator[str]:
    if case.id != folder.resolve().name:
        yield f'id: is "{case.id}"; it must equal the folder\'s name, "{folder.resolve().name}"'
    for side in Side:
        if not (folder / f"{side}.py").is_file():
            yield f"{side}.py: is missing beside it; a case has both scripts"


def _contradictions(case: Case) -> Iterator[str]:
    expect = case.expect
    for name, expectation in (("buggy", expect.buggy), ("fixed", expect.fixed), ("both", expect.both)):
        if expectation.error and (expectation.bounds or name == "both"):
            yield f"expect.{name}.error: a script that raises prints no metrics; remove the bounds or the error"
        for metric in expectation.bounds:
            if metric not in case.metrics:
                yield f'expect.{name}.{metric}: is not explained; add [metrics.{metric}] with its "meaning"'
    if not (expect.buggy.error or expect.buggy.bounds):
        yield "expect.buggy: expects nothing; give bounds or an error"
    if not (expect.fixed.error or expect.fixed.bounds):
        yield "expect.fixed: expects nothing; give bounds or an error"
    shared = expect.buggy.bounds.keys() & expect.fixed.bounds.keys()
    for metric in sorted(shared):
        before, after = expect.buggy.bounds[metric], expect.fixed.bounds[metric]
        if not before.is_disjoint(after):
            yield (
                f"expect.buggy.{metric}: {before} overlaps with {after} of expect.fixed; part the two, or "
                f"move what does not change to [expect.both]"
            )
    if not shared and bool(expect.buggy.error) == bool(expect.fixed.error):
        yield "expect: no metric is bounded on both sides, so nothing tells the scripts apart"
    for metric in sorted(expect.both.bounds.keys() & (expect.buggy.bounds.keys() | expect.fixed.bounds.keys())):
        yield f"expect.both.{metric}: is bounded again for one side; keep one of the two"
    for key, ids in (("lookalikes", case.lookalikes), ("rule_out_first", case.rule_out_first)):
        if case.id in ids:
            yield f"{key}: names the case itself"


def _describe(detail: ErrorDetails) -> str:
    """One validation error as `key: what is wrong; what would be right`."""
    path = tuple(part for part in detail["loc"] if part != "bounds")
    key = ".".join(str(part) for part in path)
    wanted, siblings = _look_up(detail["loc"])
    match detail["type"]:
        case "missing":
            return f"{key}: is missing; {wanted}"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), siblings, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(siblings)}"
            return f"{key}: is an unknown key; {hint}"
        case "enum":
            return f"{key}: is {detail['input']!r}; {wanted}"
        case "string_too_short":
            return f"{key}: is empty; {wanted}"
        case "string_too_long" | "too_long":
            return f"{key}: has {len(detail['input'])} characters; {wanted}"
        case "too_short":
            return f"{key}: has {len(detail['input'])} entries; {wanted}"
        case "model_type":
            example = "{ max = 0.25 }" if len(path) == 3 and path[0] == "expect" else f"[{key}]"
            return f"{key}: is {detail['input']!r}; it must be a table, such as {example}"
        case "string_pattern_mismatch" | "case_id":
            return f"{key}: {detail['input']!r} does not fit; {wanted}"
        case _:
            shown = repr(detail["input"])
            value = shown if len(shown) <= 60 else shown[:57] + "..."
            return f"{key}: {value}: {detail['msg'][0].lower()}{detail['msg'][1:]}; {wanted}"


def _look_up(location: Iterable[int | str]) -> tuple[str, list[str]]:
    """The description of the field at `location`, and the keys that are known beside it."""
    model: type[BaseModel] | None = Case
    wanted, siblings = "see the form of a case", list(Case.model_fields)
    tables: dict[str, type[BaseModel]] = {
        "metrics": Metric,
        "bounds": Bound,
        "expect": Expectations,
        "curve": Curve,
        "buggy": Expectation,
        "fixed": Expectation,
        "both": Expectation,
    }
    for part in location:
        if model is not None and str(part) in model.model_fields:
            siblings = [name for name in model.model_fields if name != "bounds"]
            field = model.model_fields[str(part)]
            wanted = field.description or wanted
            if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
                wanted = f"one of {', '.join(field.annotation)} ({wanted})"
            model = tables.get(str(part))
        elif model is not None:
            siblings = list(model.model_fields)
    return wanted, siblings
