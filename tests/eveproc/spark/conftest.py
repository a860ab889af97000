"""`spark`: a session on a real cluster of two executors, for all tests here. What executors leave
on the disk is removed at the end."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from eveproc.spark.session import session
from tests.missing import refuse
from tests.spark import cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def needs_spark() -> Iterator[None]:
    """Skips where there can be no Spark, or fails under CI."""
    if missing := cluster.missing():
        refuse(missing)
    before = set(cluster.work_folders())
    yield
    # Each holds a copy of what was sent to an executor, up to 250 MB.
    for folder in set(cluster.work_folders()) - before - cluster.folders_in_use():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(needs_spark: None) -> Iterator["SparkSession"]:
    with session(cluster.MASTER) as started:
        # viewfs://soc/ is the disk, under a name that only Hadoop knows: it stands for storage of
        # any kind.
        started.sparkContext._jsc.hadoopConfiguration().set(
            "fs.viewfs.mounttable.soc.linkFallback", "file:///"
        )
        yield started
