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


# For JVMs that live for seconds: no compiler that makes fast what runs for hours, one thread to
# collect garbage, no web pages. A report on two executors takes 28 s of CPU in place of 51.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
DEFAULTS = f"""
spark.driver.extraJavaOptions {SHORT_LIVED}
spark.executor.extraJavaOptions {SHORT_LIVED}
spark.ui.enabled false
spark.sql.shuffle.partitions 8
"""


@pytest.fixture(scope="session")
def needs_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Skips where there can be no Spark, or fails under CI. Each Spark from here on begins with
    DEFAULTS."""
    if missing := cluster.missing():
        refuse(missing)
    before = set(cluster.work_folders())
    settings = tmp_path_factory.mktemp("spark")
    (settings / "spark-defaults.conf").write_text(DEFAULTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(settings))
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
