"""The product's settings and one more app."""

from manticscore.settings import *  # noqa: F403
from manticscore.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.faults.busy"]
