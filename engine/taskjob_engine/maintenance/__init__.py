"""Work that nobody asks for: lapses, due times, retention. Bounded, repeatable, safe beside other replicas.

A service is one file with one `step`; `Maintenance` runs them all on jittered timers. Services know the store's
verbs and nothing of each other.
"""

from taskjob_engine.maintenance.expire import Expire
from taskjob_engine.maintenance.promote import Promote
from taskjob_engine.maintenance.prune import Prune
from taskjob_engine.maintenance.rounds import Maintenance, Service, Step

__all__ = ["Expire", "Maintenance", "Promote", "Prune", "Service", "Step"]
