"""Text of a command line -> the path of a file or folder to write; shared by both commands."""

from os import PathLike

import click


class WrittenPath(click.Path):
    """The path of a file or folder that is made. `-` is refused: it means standard output."""

    def convert(
        self,
        value: str | PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | PathLike[str]:
        if value == "-":
            self.fail(
                "- means standard output, which cannot be used here; expected a file name "
                "(./- for a file named -)",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)
