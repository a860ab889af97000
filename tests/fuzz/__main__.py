"""Seconds, and a folder to go on in -> coverage-guided fuzzing of the target (make fuzz); exit code
not 0 if anything broke.

The folder keeps the corpus from run to run, and each input that broke something as crash-*; hand
one to `--again` to see why.
"""

import sys
from pathlib import Path
from random import Random

import atheris
import click

with atheris.instrument_imports(include=["eveproc"]):
    from tests.fuzz.target import Target

from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import seeds, words

# An input this small that takes longer than so many seconds hangs.
HANGS = 10


@click.command()
@click.option("--seconds", type=int, default=60, show_default=True, help="How long to look.")
@click.option("--runs", type=int, default=-1, help="Stop after so many inputs.")
@click.option(
    "--seed", type=int, default=0, help="Of the fuzzer's own randomness; 0 is a new one each time."
)
@click.option(
    "--again",
    type=click.Path(path_type=Path, exists=True),
    help="Only this input, that broke something before.",
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(seconds: int, runs: int, seed: int, again: Path | None, folder: Path) -> None:
    """Look for bytes that break the reading of EVE, in FOLDER."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    target = Target()
    if again:
        target(again.read_bytes())
        return
    for number, content in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(content)
    (folder / "words").write_text("".join(f'"\\"{word}\\":"\n' for word in words()))
    limits = [f"-max_total_time={seconds}", f"-runs={runs}", f"-seed={seed}", f"-timeout={HANGS}"]
    arguments = [
        sys.argv[0],
        *limits,
        f"-dict={folder / 'words'}",
        f"-artifact_prefix={folder}/",
        str(corpus),
    ]
    atheris.Setup(arguments, target, custom_mutator=mutate)
    atheris.Fuzz()


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Half of the time libFuzzer's own changes, of bytes, guided by its words and by coverage; else
    one of JSON's values."""
    random = Random(seed)
    return (
        bytes(atheris.Mutate(data, longest))
        if random.random() < 0.5
        else mutated(data, random)[:longest]
    )


if __name__ == "__main__":
    main()
