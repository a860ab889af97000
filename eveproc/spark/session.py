"""A master URL -> a Spark session, or an error that says what to install. Imports pyspark late."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from rulegen.errors import MxhoundError
from rulegen.installation import how_to_add

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

NEEDED = ("pyspark", "pyarrow", "pandas")
# Rows in a batch for Python: about 1 MB of EVE, the prefilter's fastest size (sources.BLOCK) ...
ROWS_A_BATCH = 2500
# ... and its maximum size in bytes, for long lines (Spark 4.1 and later).
BYTES_A_BATCH = 16 << 20
# Spark's error classes for a file that disappeared or became unreadable after it was listed.
UNREADABLE = ("FAILED_READ_FILE", "PATH_NOT_FOUND")
# Python's message on an executor without mxhound or one of its libraries.
_LACKS = "No module named"
# py4j's messages after the JVM has ended.
_JVM_ENDED = (
    "does not exist in the JVM",
    "Answer from Java side is empty",
    "Error while sending or receiving",
)
# The last line of a Python traceback.
_TRACEBACK, _RAISED = (
    "Traceback (most recent call last)",
    re.compile(r"[\w.]+(?:Error|Exception|Interrupt|Exit)(?::|$)"),
)
_NO_REASON = ("at ", "Driver stacktrace", "File ", "Traceback", "An error occurred")

_SETTINGS = {
    # Local files without Hadoop's checksum files, whose names are invalid where a name holds a
    # colon (eve-%H:%M.json).
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "spark.log.level": "ERROR",
    # The default is a type that Parquet has deprecated.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(ROWS_A_BATCH),
    "spark.sql.execution.arrow.maxBytesPerBatch": str(BYTES_A_BATCH),
}


def require_spark() -> None:
    """Raise MxhoundError with what to install if Spark cannot start on this machine."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MxhoundError(
            f"--on spark needs Java 17 or newer, and {', '.join(missing)}; {how_to_add('spark')}"
        )
    if not _has_java():
        raise MxhoundError(
            "--on spark needs Java 17 or newer: on Debian apt-get install default-jre-headless, "
            "elsewhere set JAVA_HOME"
        )


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin") if home else None) is not None


@contextmanager
def session(master: str | None) -> Iterator["SparkSession"]:
    """A Spark session that ends with the `with`.

    Without a master, spark-submit or spark-defaults.conf decide.

    What fails within the `with` is raised as MxhoundError, in one line.
    """
    require_spark()
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    spark = None
    try:
        spark = _started(master)
        yield spark
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise MxhoundError(f"Spark: {why(error)}") from error
    finally:
        if spark:
            with suppress(PySparkException, Py4JError, OSError):  # the JVM may have ended
                spark.stop()


def _started(master: str | None) -> "SparkSession":
    import pyspark
    from pyspark.sql import SparkSession

    if (master or "").startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a single machine uses its loopback
        os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    builder = SparkSession.builder.appName("mxhound")
    for name, value in {
        **_SETTINGS,
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
    }.items():
        builder = builder.config(name, value)
    spark = (builder.master(master) if master else builder).getOrCreate()
    _use_this_python(spark.sparkContext)
    return spark


def _use_this_python(context: "SparkContext") -> None:
    """Make local workers run this Python with its installed packages.

    Spark would use the first python3 in the PATH. A Python that the user names is kept. Without
    --master the master is known only now.
    """
    if context.master.startswith("local") and "PYSPARK_PYTHON" not in os.environ:
        named = context.getConf().get("spark.pyspark.python")
        context.pythonExec = named or sys.executable


def why(error: Exception) -> str:
    """The error in one line: of a failed job, the message of its last task."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lack = next((line for line in lines if _LACKS in line), None)
    if lack:
        return (
            f"the executors' Python lacks mxhound or one of its libraries ({lack}); "
            "docs/spark.md shows how to provide it"
        )
    if isinstance(error, ConnectionError) or any(sign in str(error) for sign in _JVM_ENDED):
        return (
            "the driver's JVM has ended: "
            "give it more memory (--driver-memory or spark.driver.memory)"
        )
    traceback = dropwhile(lambda line: not line.startswith(_TRACEBACK), lines)
    if raised := next((line for line in traceback if _RAISED.match(line)), None):
        return f"a task failed: {raised}"
    said = [line for line in lines if not line.startswith(_NO_REASON)]
    return (said or lines or [type(error).__name__])[0].removeprefix(": ")
