"""Owns the clock; starts, watches, kills and restarts the workers; knows the health of each stream."""

from relay.supervisor.cores import usable_cores
from relay.supervisor.memory import DataFolder
from relay.supervisor.supervisor import Outlets, Publisher, Supervisor

__all__ = ["DataFolder", "Outlets", "Publisher", "Supervisor", "usable_cores"]
