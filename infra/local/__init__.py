"""The embedded services: a Prefect server, an MLflow server and a worker on loopback, for one clone on one machine.

`python -m infra.local up | down | status`. Data lives under `components.core.paths.home()` and survives `down`.
"""
