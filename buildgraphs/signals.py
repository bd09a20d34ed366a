"""What the apps above may hear of build graphs."""

from django.dispatch import Signal

# An expansion made leaves that a coding agent can be trusted with. Sent with `leaves`, at most three nodes,
# in the transaction of the expansion and while its stream is locked: receivers only defer a task.
leaves_ready = Signal()
