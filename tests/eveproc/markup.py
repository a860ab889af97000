"""HTML text -> its elements, attributes and text, as a parser reads them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

# Elements that have no end, in HTML.
VOID = {"meta", "br", "input"}
# Elements whose text a reader sees apart from the next one's.
APART = {"dt", "dd", "th", "td", "li", "p", "h2", "h3"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Every element in order, each with all the text inside it; `left_open` must be empty at the
    end."""

    elements: list[Element] = field(default_factory=list)
    left_open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of {tag} stands twice"
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.left_open.append(element)
        elif tag == "br":
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.left_open, f"</{tag}> ends nothing"
        assert self.left_open.pop().tag == tag
        if tag in APART:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self.left_open:
            element.text += data

    def all(self, tag: str, of_class: str = "") -> list[Element]:
        return [
            e
            for e in self.elements
            if e.tag == tag
            and (not of_class or of_class in (e.attributes.get("class") or "").split())
        ]


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.left_open == []
    return page
