"""`spark`: a session on a real cluster of two executors, for all tests here, and `twenty`: logs.
What executors leave on the disk is removed at the end."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eveproc.spark.session import session
from rulegen.vocabulary import Engine
from tests.eveproc.framing import Lines, packed, plain
from tests.eveproc.verdicts.test_same_verdicts import DATA
from tests.missing import refuse
from tests.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def needs_spark() -> Iterator[None]:
    """Skips where there can be no Spark, or fails under CI. Each Spark from here on is one that
    lives for seconds."""
    if missing := cluster.missing():
        refuse(missing)
    with cluster.work_removed(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPARK_CONF_DIR", raising=False)
        patch.setenv("SPARK_SUBMIT_OPTS", cluster.options())
        yield


@pytest.fixture(scope="session")
def spark(needs_spark: None) -> Iterator["SparkSession"]:
    with session(cluster.MASTER) as started:
        # viewfs://soc/ is the disk, under a name that only Hadoop knows: it stands for storage of
        # any kind.
        started.sparkContext._jsc.hadoopConfiguration().set(
            "fs.viewfs.mounttable.soc.linkFallback", "file:///"
        )
        yield started


def _of_sensor(lines: Lines, number: int) -> list[bytes]:
    return [line[:-1] + b',"host":"sensor-%d"}' % number for line in lines]


@pytest.fixture(scope="session")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two engines logged of one office and what five sensors saw of it, plain, packed, rotated
    and as exports."""
    folder = tmp_path_factory.mktemp("twenty")
    for engine in (Engine.SURICATA_7, Engine.SURICATA_8):
        shutil.copy(DATA / f"office-{engine}.eve.json.gz", folder)
        with gzip.open(DATA / f"office-{engine}.eve.json.gz") as stream:
            whole = stream.read().splitlines()
        for sensor in range(4):
            part = _of_sensor(whole[sensor::4], sensor)
            half = len(part) // 2
            (folder / f"eve-{engine}.{sensor}.json").write_bytes(plain(part[half:]))
            (folder / f"eve-{engine}.{sensor}.json.1.gz").write_bytes(
                packed(plain(part[:half]), "gz")
            )
    for snort in ("office-snort-3.json.gz", "office-snort-2.9.u2.gz"):
        shutil.copy(DATA / snort, folder)
    return folder
