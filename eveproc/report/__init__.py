"""Report -> one of its forms. Pure; text from the wire is escaped."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from eveproc.verdicts.analyze import Report
from eveproc.verdicts.verdict import Verdict
from rulegen.vocabulary import Level

Render = Callable[[Report, tuple[Verdict, ...]], str]


def _form(name: str) -> Render:
    """Render with the module of this name.

    It is imported on demand, because some need a template engine and charts.
    """

    def render(report: Report, verdicts: tuple[Verdict, ...]) -> str:
        rendered: str = import_module(f"{__name__}.{name}").render(report, verdicts)
        return rendered

    return render


FORMATS: Mapping[str, Render] = MappingProxyType(
    {
        name: _form(f"{name}_report")
        for name in (
            "text",
            "digest",
            "html",
            "csv",
            "json",
            "ecs",
            "eve",
            "ocsf",
            "cef",
            "syslog",
            "markdown",
        )
    }
)

# Forms that can be sent to a socket.
SYSLOG_FORMS = ("cef", "syslog")


def messages(form: str, report: Report, verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """The syslog messages of one of SYSLOG_FORMS."""
    return tuple(import_module(f"{__name__}.{form}_report").messages(report, verdicts))


def shown(report: Report, *, everyone: bool) -> tuple[Verdict, ...]:
    """The verdicts to list: all, or those above clean.

    Clean hosts are never listed if nothing could be judged.
    """
    wanted = everyone and report.judgement.has_verdicts
    return tuple(v for v in report.verdicts if wanted or v.level is not Level.CLEAN)
