"""`spark`: a session on a real cluster of two executors, for all tests here."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from eveproc.spark.session import session
from tests.missing import refuse
from tests.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def needs_spark() -> None:
    """Skips where there can be no Spark, or fails under CI."""
    if missing := cluster.missing():
        refuse(missing)


@pytest.fixture(scope="session")
def spark(needs_spark: None) -> Iterator["SparkSession"]:
    with session(cluster.MASTER) as started:
        # viewfs://soc/ is the disk, under a name that only Hadoop knows: it stands for storage of
        # any kind.
        started.sparkContext._jsc.hadoopConfiguration().set(
            "fs.viewfs.mounttable.soc.linkFallback", "file:///"
        )
        yield started
