"""The sample data of the demo world: a rep's mailboxes and the Salesforce org that matches them, all dates relative to the start.

``load_world`` reads resources/demo/org.json or a fixture of the same form; resources/demo/README.md describes it.
"""

from app.demo.sample.dates import FixtureProblem
from app.demo.sample.world import WorldData, load_world

__all__ = ["FixtureProblem", "WorldData", "load_world"]
