"""The operator protocol's side of the api: `POST /operator/v1/…`, as `taskjob.wire.operator_messages` has it."""

from taskjob_api.operator_door.orphans import Orphans
from taskjob_api.operator_door.routes import PREFIX, OperatorDoor

__all__ = ["PREFIX", "OperatorDoor", "Orphans"]
