"""A template of templates/report + values -> one self-contained HTML file.

The page makes no network requests. Values are escaped, including control and bidi characters;
charts are Markup already. The content security policy allows only the page's own style sheet and
scripts, by hash.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eveproc.report.sanitize import cut, safe
from eveproc.report.times import iso, short, span
from rulegen.template_files import templates_folder

# Runs before layout: thousands of open rows would take seconds; page.js folds them.
_EARLY = 'document.documentElement.classList.add("scripted", "loading")'


def render(template: str, /, **values: object) -> str:
    """Render `template`.html.j2, which extends page.html.j2."""
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    trusted = {
        "style": Markup(style),
        "script": Markup(script),
        "early": Markup(_EARLY),
    }  # this project's own files
    return (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(values, policy=_policy(style, script), **trusted)
    )


def _policy(style: str, script: str) -> str:
    """Content security policy: only these texts may load and run, by hash."""
    scripts = f"{_hash(_EARLY)} {_hash(script)}"
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {scripts}; base-uri "
        "'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (templates_folder() / "report" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _shown(value: object) -> object:
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_folder() / "report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"iso": iso, "short": short, "cut": cut, "number": "{:,}".format}
    environment.globals |= {"span": span}
    return environment
